-- Used by both renderers (Quarto: `filters: [portable.lua]` in the front matter).
-- 1. `::: {.verdict}` and `::: {.side-by-side}` become the template's functions in Typst;
--    HTML keeps the classes, which style.css knows.
-- 2. Words that pandoc's Typst writer leaves unescaped become Typst strings: `/*` would
--    open a comment, `-?` is a soft hyphen, `...` an ellipsis, `=` or `-` may start a line.
-- 3. Headings stand below the title, which is the first level: pandoc's Typst writer says so of
--    none that is unnumbered.
-- 4. A paragraph stays with the code after it.
-- 5. Formulas get an alternative text, their TeX source: PDF/UA wants one, and neither writes any.

if not FORMAT:match 'typst' then return {} end

local function raw(code) return pandoc.RawBlock('typst', code) end

local function str(el)
  local text = el.text
  local special = text:find('/*', 1, true) or text:find('*/', 1, true)
    or text:find('-?', 1, true) or text:find('...', 1, true)
    or text:find '^[-+/=]+$' or text:find '^%d+[.)]$'
  if special then
    local quoted = text:gsub('[\\"]', '\\%0')
    -- The semicolon ends the expression, so that no `(` or `[` after it is an argument.
    return pandoc.RawInline('typst', '#"' .. quoted .. '";')
  end
end

local function div(el)
  local blocks = pandoc.Blocks {}
  if el.classes:includes 'verdict' then
    blocks:insert(raw '#verdict[')
    blocks:extend(el.content)
    blocks:insert(raw ']')
    return blocks
  elseif el.classes:includes 'side-by-side' then
    blocks:insert(raw '#side-by-side([')
    for i, block in ipairs(el.content) do
      if i > 1 then blocks:insert(raw '],[') end
      blocks:insert(block)
    end
    blocks:insert(raw '])')
    return blocks
  end
end

-- What ends before code speaks of it: they stay on one page.
local function blocks_with_code(blocks)
  local result = pandoc.Blocks {}
  for i, block in ipairs(blocks) do
    local following = blocks[i + 1]
    if block.t == 'Para' and following and following.t == 'CodeBlock' then
      result:extend { raw '#block(sticky: true)[', block, raw ']' }
    else
      result:insert(block)
    end
  end
  return result
end

local function header(el)
  if el.classes:includes 'unnumbered' then el.level = el.level + 1 end
  return el
end

local function is_equation_id(el) return el and el.t == 'Str' and el.text:match '^{#eq%-[^}]+}$' end

local function spoken(inlines)
  local result, i = pandoc.Inlines {}, 1
  while i <= #inlines do
    local el = inlines[i]
    if el.t ~= 'Math' then
      result:insert(el)
    else
      local alt = el.text:gsub('[\\"]', '\\%0'):gsub('%s+', ' ')
      result:insert(pandoc.RawInline('typst', '#[#set math.equation(alt: "' .. alt .. '");'))
      local last = i
      if is_equation_id(inlines[i + 1]) then last = i + 1 end
      if is_equation_id(inlines[i + 2]) then last = i + 2 end
      for j = i, last do result:insert(inlines[j]) end
      result:insert(pandoc.RawInline('typst', ']'))
      i = last
    end
    i = i + 1
  end
  return result
end

return { { Str = str, Div = div, Header = header }, { Inlines = spoken }, { Blocks = blocks_with_code } }
