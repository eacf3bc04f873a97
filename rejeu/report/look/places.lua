-- In HTML each heading can be linked to, and leads to the same place in the other languages' pages:
-- `languages` are {code, name, page}, and identifiers end with the language where templates say so.
-- Run it last. What a link shows is style.css's, so that the table of contents shows nothing of it.

-- Attributes as pairs, since a table has no order, and the same source gives the same bytes.
local function link(target, class, label, attributes)
  table.insert(attributes, { 'aria-label', label })
  return pandoc.Link({}, target, '', pandoc.Attr('', { class }, attributes))
end

function Pandoc(doc)
  local here = pandoc.utils.stringify(doc.meta.lang or 'en')
  return doc:walk {
    Header = function(el)
      if el.identifier == '' then return end
      local title, base = pandoc.utils.stringify(el), el.identifier:match('^(.+)%-' .. here .. '$')
      el.content:insert(link('#' .. el.identifier, 'permalink', title, {}))
      for _, each in ipairs(base and doc.meta.languages or {}) do
        local code, name, page = table.unpack({
          pandoc.utils.stringify(each.code), pandoc.utils.stringify(each.name), pandoc.utils.stringify(each.page),
        })
        local target = page .. '#' .. base .. '-' .. code
        el.content:insert(link(target, 'elsewhere', name, { { 'hreflang', code }, { 'lang', code } }))
      end
      return el
    end,
  }
end
