-- In HTML each heading can be linked to, and leads to the same place in the other languages' pages:
-- `languages` are {code, name, page}, and identifiers end with the language where templates say so.
-- Run it last. What a link shows is style.css's, so that the table of contents shows nothing of it.

-- Attributes as pairs, since a table has no order, and the same source gives the same bytes.
local function link(target, class, label, attributes)
  table.insert(attributes, { 'aria-label', label })
  return pandoc.Link({}, target, '', pandoc.Attr('', { class }, attributes))
end

-- Columns of numbers stand right, under heads that stand so too, as in the report's own tables.
local function numbers_right(el)
  local other = {}
  for _, row in ipairs(el.bodies[1].body) do
    for column, cell in ipairs(row.cells) do
      local said = pandoc.utils.stringify(cell.contents):gsub('^−', '-')
      if said ~= '' and not said:match '^[+-]?%d[^%a;]*$' then other[column] = true end
    end
  end
  for column, spec in ipairs(el.colspecs) do
    el.colspecs[column] = { other[column] and pandoc.AlignLeft or pandoc.AlignRight, spec[2] }
  end
  return el
end

-- What a figure shows, as a table that opens: `name.csv` beside the figure `name.svg`.
local function data_of(figure, summary)
  local path
  figure:walk { Image = function(el) path = el.src:match('^(.+)%.svg$') end }
  local file = path and io.open(path .. '.csv', 'r')
  if not file then return end
  local text = file:read 'a'
  file:close()
  if not text:match '%S' then return end
  local read, label = pandoc.read(text, 'csv').blocks:walk { Table = numbers_right }, ''
  figure.caption.long:walk {
    Span = function(el) if el.classes:includes 'caption-label' then label = pandoc.utils.stringify(el) end end,
  }
  local attributes = { { 'role', 'region' }, { 'tabindex', '0' }, { 'aria-label', label .. ' ' .. summary } }
  return {
    figure, pandoc.RawBlock('html', '<details class="data"><summary>'), pandoc.Plain { pandoc.Str(summary) },
    pandoc.RawBlock('html', '</summary>'), pandoc.Div(read, pandoc.Attr('', { 'wide' }, attributes)),
    pandoc.RawBlock('html', '</details>'),
  }
end

function Pandoc(doc)
  local here = pandoc.utils.stringify(doc.meta.lang or 'en')
  local summary = doc.meta['figure-data'] and pandoc.utils.stringify(doc.meta['figure-data'])
  return doc:walk {
    Figure = function(el) return summary and data_of(el, summary) end,
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
