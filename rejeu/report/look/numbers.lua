-- In HTML each number says where it comes from: the source has one private character for it, and others
-- after that up to its length, so that no line of a table is longer than without; numbers.json has their
-- texts and addresses (rejeu/report/addresses.py). Run it first. style.css shows what they say.

local FIRST, FILLER = 0xF0000, '\u{10FFFD}'
local numbers

local function inlines_of(text)
  local result = pandoc.Inlines {}
  for space, word in text:gmatch '( *)([^ ]+)' do
    if space ~= '' then result:insert(pandoc.Space()) end
    result:insert(pandoc.Str(word))
  end
  return result
end

local function str(el)
  if not el.text:find '[\xF3\xF4]' then return end -- the first byte of such characters
  local result, plain = pandoc.Inlines {}, {}
  local function flush()
    if #plain > 0 then result:insert(pandoc.Str(table.concat(plain))) end
    plain = {}
  end
  for _, code in utf8.codes(el.text) do
    local number = numbers[code - FIRST + 1]
    if code >= FIRST and number then
      flush()
      result:insert(pandoc.Span(inlines_of(number.text), pandoc.Attr('', { 'number' }, { { 'data-from', number.from } })))
    elseif utf8.char(code) ~= FILLER then
      table.insert(plain, utf8.char(code))
    end
  end
  flush()
  return result
end

return {
  {
    Pandoc = function(doc)
      -- Not as metadata, which pandoc reads as Markdown.
      local file = assert(io.open('numbers.json', 'r'))
      numbers = pandoc.json.decode(file:read 'a', false)
      file:close()
      return doc:walk { Str = str }
    end,
  },
}
