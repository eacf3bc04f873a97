-- What Quarto does with cross-references, for the embedded renderer. Run it before citeproc.
-- Numbers figures (#fig-), tables (#tbl-), sections (#sec-) and equations (#eq-), labels their
-- captions and turns `@fig-x`, `[-@fig-x]` (number only) and `[Voir @fig-x]` into links.
-- An unknown identifier, one used twice, a caption without an identifier, an identifier without a
-- caption, or an image without an alternative text is an error.

local NBSP = '\u{a0}'
local DEFAULTS = {
  fr = {
    ['fig-title'] = 'Figure', ['tbl-title'] = 'Tableau', ['title-delim'] = NBSP .. ':',
    ['fig-prefix'] = 'figure', ['tbl-prefix'] = 'tableau', ['sec-prefix'] = 'section',
    ['eq-prefix'] = 'équation',
  },
  en = {
    ['fig-title'] = 'Figure', ['tbl-title'] = 'Table', ['title-delim'] = ':',
    ['fig-prefix'] = 'Figure', ['tbl-prefix'] = 'Table', ['sec-prefix'] = 'Section',
    ['eq-prefix'] = 'Equation',
  },
}
local TYPST = FORMAT:match 'typst'
local words = {}
local numbers = {} -- identifier to number, as text

local function kind_of(id)
  local kind = id:match '^(%a+)%-'
  return words[(kind or '') .. '-prefix'] and kind
end

local function register(id, number)
  if numbers[id] then error('the identifier #' .. id .. ' is used twice', 0) end
  numbers[id] = tostring(number)
end

local function is_empty(text) return not text:gsub(NBSP, ' '):match '%S' end

local function read_words(meta)
  local lang = pandoc.utils.stringify(meta.lang or 'en'):sub(1, 2)
  words = DEFAULTS[lang] or DEFAULTS.en
  meta.crossref = meta.crossref or {}
  for key, value in pairs(meta.crossref) do words[key] = pandoc.utils.stringify(value) end
  for key, value in pairs(words) do meta.crossref[key] = value end
end

-- In `$$..$$ {#eq-x}` the identifier follows the formula as plain text.
local function equation_id(inlines, i)
  if not (inlines[i].t == 'Math' and inlines[i].mathtype == 'DisplayMath') then return end
  local j = inlines[i + 1] and inlines[i + 1].t == 'Space' and i + 2 or i + 1
  local id = inlines[j] and inlines[j].t == 'Str' and inlines[j].text:match '^{#(eq%-[^}]+)}$'
  return id, j
end

local function number_all(doc)
  local count, section = { fig = 0, tbl = 0, eq = 0 }, {}
  local function refuse_bare(id) error('the caption of #' .. id .. ' is empty', 0) end
  local function float(kind, id, what, caption)
    if kind_of(id) ~= kind then
      error('a captioned ' .. what .. ' needs an identifier that starts with #' .. kind
        .. '-, found "' .. id .. '"', 0)
    end
    if is_empty(pandoc.utils.stringify(caption.long)) then refuse_bare(id) end
    count[kind] = count[kind] + 1
    register(id, count[kind])
  end
  doc:walk {
    traverse = 'topdown',
    Header = function(el)
      if el.classes:includes 'unnumbered' then return end
      for level = 1, el.level do section[level] = section[level] or 0 end
      section[el.level] = section[el.level] + 1
      for level = el.level + 1, #section do section[level] = nil end
      if kind_of(el.identifier) == 'sec' then
        register(el.identifier, table.concat(section, '.'))
      end
    end,
    Figure = function(el) float('fig', el.identifier, 'figure', el.caption) end,
    Table = function(el)
      if #el.caption.long > 0 or el.identifier ~= '' then float('tbl', el.identifier, 'table', el.caption) end
    end,
    -- Without a caption it is no figure.
    Image = function(el) if el.identifier ~= '' then refuse_bare(el.identifier) end end,
    Inlines = function(inlines)
      for i = 1, #inlines do
        local id = equation_id(inlines, i)
        if id then
          count.eq = count.eq + 1
          register(id, count.eq)
        end
      end
    end,
  }
end

local function cite(el)
  local result = pandoc.Inlines {}
  for i, citation in ipairs(el.citations) do
    local kind = kind_of(citation.id)
    if not kind then
      if i > 1 then error('@' .. citation.id .. ' stands in one bracket with a label', 0) end
      return nil
    end
    local number = numbers[citation.id]
    if not number then error('unresolved reference @' .. citation.id, 0) end
    local text = pandoc.Inlines {}
    if #citation.prefix > 0 then
      text:extend(citation.prefix)
      text:insert(pandoc.Str(NBSP .. number))
    elseif citation.mode == 'SuppressAuthor' then
      text:insert(pandoc.Str(number))
    else
      text:insert(pandoc.Str(words[kind .. '-prefix'] .. NBSP .. number))
    end
    if i > 1 then result:extend { pandoc.Str ',', pandoc.Space() } end
    result:insert(pandoc.Link(text, '#' .. citation.id))
  end
  return result
end

-- Typst writes "Figure 1:" itself; HTML needs it as text.
local function label_caption(caption, kind, id)
  if TYPST or #caption.long == 0 then return end
  local label = words[kind .. '-title'] .. NBSP .. numbers[id] .. words['title-delim']
  caption.long[1].content:insert(1, pandoc.Space())
  caption.long[1].content:insert(1, pandoc.Span(label, { class = 'caption-label' }))
end

local function typst_string(text)
  return '"' .. text:gsub('[\\"]', '\\%0'):gsub('%s+', ' ') .. '"'
end

-- PDF/UA wants a text beside each image, which pandoc's Typst writer does not write.
local function image(el)
  local alt = el.attributes['fig-alt'] or pandoc.utils.stringify(el.caption)
  if is_empty(alt) then error('the image ' .. el.src .. ' has no fig-alt', 0) end
  if not TYPST then
    el.attributes['fig-alt'] = nil
    el.attributes.alt = alt
    return el
  end
  local arguments = typst_string(el.src) .. ', alt: ' .. typst_string(alt)
  for _, side in ipairs { 'width', 'height' } do
    local size = el.attributes[side]
    if size then arguments = arguments .. ', ' .. side .. ': ' .. size end
  end
  return pandoc.RawInline('typst', '#box(image(' .. arguments .. '))')
end

local function inlines_with_numbers(inlines)
  local result, i = pandoc.Inlines {}, 1
  while i <= #inlines do
    local id, last = equation_id(inlines, i)
    if id and TYPST then
      result:extend {
        pandoc.RawInline('typst', '#[#set math.equation(numbering: "(1)");'), inlines[i],
        pandoc.RawInline('typst', '<' .. id .. '>'), pandoc.RawInline('typst', ']'),
      }
    elseif id then
      local number = pandoc.Span('(' .. numbers[id] .. ')', { class = 'equation-number' })
      result:insert(pandoc.Span({ inlines[i], number }, { id = id, class = 'equation' }))
    else
      result:insert(inlines[i])
    end
    i = id and last + 1 or i + 1
  end
  return result
end

function Pandoc(doc)
  read_words(doc.meta)
  number_all(doc)
  return doc:walk {
    Image = image,
    Cite = cite,
    Figure = function(el)
      label_caption(el.caption, 'fig', el.identifier)
      return el
    end,
    Table = function(el)
      label_caption(el.caption, 'tbl', el.identifier)
      -- Else Typst counts it among the numbered tables.
      if TYPST and #el.caption.long == 0 then el.classes:insert 'typst:no-figure' end
      if TYPST or #el.colspecs < 4 then return el end
      -- It may be wider than a telephone: then it moves, by keys too.
      local name = pandoc.utils.stringify(el.caption.long)
      local attributes = { { 'role', 'region' }, { 'tabindex', '0' }, { 'aria-label', name } }
      return pandoc.Div({ el }, pandoc.Attr('', { 'wide' }, attributes))
    end,
  }:walk { Inlines = inlines_with_numbers }
end
