-- Each language's text is half of one document: in Typst its identifiers, and all that leads to them,
-- begin with the language, so that no half knows the other's. Run it last, after citeproc.

if not FORMAT:match 'typst' then return {} end

local language

local function own(el)
  if el.identifier ~= '' then el.identifier = language .. el.identifier end
  return el
end

return {
  { Meta = function(meta) language = pandoc.utils.stringify(meta.lang or 'en') .. '-' end },
  {
    Block = function(el) if el.identifier then return own(el) end end,
    Inline = function(el)
      if el.t == 'Link' then el.target = el.target:gsub('^#', '#' .. language) end
      -- A formula's, which crossref.lua wrote.
      if el.t == 'RawInline' then el.text = el.text:gsub('^<(eq%-[^<>]+)>$', '<' .. language .. '%1>') end
      if el.t ~= 'Image' and el.identifier then return own(el) end
      return el
    end,
  },
}
