// What a reader may want beside the text: where one is, what a link leads to, a table sorted or
// filtered. Without this script all of the report is there. Words come with the page.
(() => {
  const words = JSON.parse(document.getElementById('words').textContent)
  const make = (name, attributes = {}, ...children) => {
    const made = document.createElement(name)
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
    made.append(...children)
    return made
  }

  // Numbers say where they come from under the pointer; by keys they are reached when that is asked for.
  const numbers = document.querySelectorAll('.number')
  if (numbers.length) {
    const walk = make('button', { type: 'button', class: 'sources', 'aria-pressed': 'false' }, words.sources)
    walk.addEventListener('click', () => {
      const on = walk.getAttribute('aria-pressed') !== 'true'
      walk.setAttribute('aria-pressed', on)
      for (const each of numbers) on ? each.setAttribute('tabindex', 0) : each.removeAttribute('tabindex')
    })
    document.querySelector('main').prepend(walk)
  }

  // The section that is being read, in the contents.
  const contents = document.getElementById('TOC')
  const sections = [...(contents?.querySelectorAll('a[href^="#"]') ?? [])]
    .map(link => [link, document.getElementById(decodeURIComponent(link.hash.slice(1)))])
    .filter(([, heading]) => heading)
  const mark = () => {
    const above = sections.filter(([, heading]) => heading.getBoundingClientRect().top < 100)
    const [current] = above.at(-1) ?? sections[0] ?? []
    if (!current || current.hasAttribute('aria-current')) return
    for (const [link] of sections) link.removeAttribute('aria-current')
    current.setAttribute('aria-current', 'location')
    if (contents.scrollHeight > contents.clientHeight && contents.querySelector(':focus') === null) {
      contents.scrollTop = current.offsetTop - contents.clientHeight / 2
    }
  }
  let waiting = false
  addEventListener('scroll', () => {
    if (!waiting) requestAnimationFrame(() => { waiting = false; mark() })
    waiting = true
  }, { passive: true })
  mark()

  // What a reference leads to, shown beside it: until the pointer or the focus leaves both, or Escape.
  const preview = make('div', { id: 'preview', 'aria-hidden': 'true', hidden: '' })
  document.body.append(preview)
  const SHOWN = 'figure, table, .csl-entry, .equation, h1, h2, h3, h4, section, li, p'
  const shown = target => {
    const whole = target.closest(SHOWN) ?? target
    const next = whole.nextElementSibling
    return next && (whole.matches('h1, h2, h3, h4') || next.matches('ul')) ? [whole, next] : [whole]
  }
  let asked, from
  const close = () => { clearTimeout(asked); preview.hidden = true; preview.replaceChildren(); from = null }
  const open = link => {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)))
    if (!target || target.contains(link)) return
    from = link
    // Nothing in it is to be reached by keys, or called twice.
    const copies = make('div', { inert: '' }, ...shown(target).map(each => each.cloneNode(true)))
    copies.querySelectorAll('.filters').forEach(each => each.remove())
    for (const each of copies.querySelectorAll('[id]')) each.removeAttribute('id')
    for (const each of copies.querySelectorAll('.permalink, .elsewhere, button')) each.replaceWith(...each.childNodes)
    preview.replaceChildren(copies)
    preview.hidden = false
    const at = link.getBoundingClientRect()
    const below = innerHeight - at.bottom > preview.offsetHeight || at.top < preview.offsetHeight
    const top = below ? at.bottom : Math.max(0, at.top - preview.offsetHeight)
    const left = Math.max(0, Math.min(at.left, document.documentElement.clientWidth - preview.offsetWidth - 8))
    preview.style.top = `${top + scrollY}px`
    preview.style.left = `${left + scrollX}px`
  }
  const links = document.querySelectorAll('main a[href^="#"]:not(.permalink)')
  const leaves = event => { if (!preview.contains(event.relatedTarget) && event.relatedTarget !== from) close() }
  for (const link of links) {
    link.addEventListener('pointerenter', event => {
      if (event.pointerType === 'touch') return
      clearTimeout(asked)
      asked = setTimeout(() => open(link), 200)
    })
    link.addEventListener('pointerleave', leaves)
    link.addEventListener('focus', () => { if (link.matches(':focus-visible')) open(link) })
    link.addEventListener('blur', close)
  }
  preview.addEventListener('pointerleave', leaves)
  addEventListener('keydown', event => { if (event.key === 'Escape') close() })

  // A figure's points say what they stand for, and its series can be hidden. The drawing's parts are
  // named by the rows of the table beneath it: figure_parts.py.
  const parsed = (image, prefix) => {
    const bytes = Uint8Array.from(atob(image.src.split(',')[1]), each => each.charCodeAt(0))
    // Identifiers are one drawing's own in its file, but the whole page's here.
    const text = new TextDecoder().decode(bytes).replace(/ id="|(?:href="|url\()#/g, start => start + prefix)
    const drawing = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement
    // Its style says this of every element, which here would be the whole page's.
    drawing.querySelectorAll('style, metadata').forEach(each => each.remove())
    drawing.setAttribute('stroke-linejoin', 'round')
    drawing.setAttribute('style', image.getAttribute('style') ?? '')
    drawing.setAttribute('role', 'img')
    drawing.setAttribute('aria-label', image.getAttribute('aria-label') ?? image.alt)
    return document.importNode(drawing, true)
  }
  const told = make('div', { id: 'told', 'aria-hidden': 'true', hidden: '' })
  document.body.append(told)
  const untold = () => { told.hidden = true }
  const tell = (drawing, points, event) => {
    const away = point => {
      const box = point.mark.getBoundingClientRect()
      point.x = box.x + box.width / 2
      point.y = box.y + box.height / 2
      return Math.hypot(point.x - event.clientX, point.y - event.clientY)
    }
    const seen = points.filter(point => !point.mark.closest('.no-series')).map(point => [away(point), point])
    const [distance, nearest] = seen.sort(([one], [other]) => one - other)[0] ?? [Infinity]
    if (distance > 20) return untold()
    told.replaceChildren(...nearest.lines.map(([head, cell]) => make('div', {}, make('b', {}, head), ` ${cell}`)))
    told.hidden = false
    const left = Math.min(nearest.x + 10, document.documentElement.clientWidth - told.offsetWidth - 8)
    told.style.left = `${Math.max(0, left) + scrollX}px`
    told.style.top = `${nearest.y + 10 + scrollY}px`
  }
  for (const [number, data] of document.querySelectorAll('figure + details.data').entries()) {
    const image = data.previousElementSibling.querySelector('img[src^="data:image/svg+xml;base64,"]')
    const grid = data.querySelector('table')
    if (!image || !grid) continue
    const prefix = `drawing-${number}-`, drawing = parsed(image, prefix)
    const parts = [...drawing.querySelectorAll(`[id^="${prefix}points-"]`)]
    if (!parts.length) continue
    const heads = [...grid.tHead.rows[0].cells].map(cell => cell.textContent.trim())
    const rows = [...grid.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent.trim()))
    const column = heads.indexOf(words.series), points = [], series = new Map(), singles = []
    for (const part of parts) {
      const [first, count, ...without] = part.id.slice(prefix.length).match(/\d+/g).map(Number)
      const marks = [...part.querySelectorAll('use')]
      const marked = rows.slice(first, first + count).filter((row, place) => !without.includes(place))
      if (marks.length === marked.length) {
        points.push(...marks.map((mark, place) => {
          const row = marked[place]
          return { mark, lines: heads.flatMap((head, cell) => row[cell] ? [[head, row[cell]]] : []) }
        }))
      }
      const beside = [...drawing.querySelectorAll(`[id^="${prefix}with-${first}-"]`)]
      singles.push(...beside.filter(each => each.id.endsWith('-single')))
      const name = rows[first][column]
      if (name) series.set(name, [...series.get(name) ?? [], part, ...beside])
    }
    drawing.addEventListener('pointermove', event => tell(drawing, points, event))
    drawing.addEventListener('pointerdown', event => tell(drawing, points, event))
    drawing.addEventListener('pointerleave', untold)
    image.replaceWith(drawing)
    const choices = [...series.size > 1 ? series : [], ...singles.length ? [[words.single_values, singles]] : []]
    if (!choices.length) continue
    const caption = data.previousElementSibling.querySelector('.caption-label')?.textContent ?? ''
    const shown = make('div', { class: 'filters', role: 'group', 'aria-label': `${caption} ${words.series}` })
    for (const [name, hidden] of choices) {
      const made = make('button', { type: 'button', 'aria-pressed': 'true' }, name)
      made.addEventListener('click', () => {
        const on = made.getAttribute('aria-pressed') !== 'true'
        made.setAttribute('aria-pressed', on)
        // What two choices hide is shown when both say so.
        for (const each of hidden) each.classList.toggle(hidden === singles ? 'no-singles' : 'no-series', !on)
      })
      shown.append(made)
    }
    drawing.after(shown)
  }
  addEventListener('keydown', event => { if (event.key === 'Escape') untold() })

  // The claims, by verdict and in any column's order.
  const language = document.documentElement.lang
  const spoken = cell => cell.textContent.trim()
  const valued = text => {
    const [first, second] = text.replace(/[\s  ]+/g, '').replaceAll('−', '-')
      .replaceAll(',', words.decimal === ',' ? '.' : '').match(/-?\d+(\.\d+)?/g) ?? []
    return first === undefined ? NaN : text.includes(' / ') ? first / second : Number(first)
  }
  const compare = (one, other) => {
    const [a, b] = [valued(one), valued(other)]
    if (/^[—–]?$/.test(one) || /^[—–]?$/.test(other)) return (one.length < 2) - (other.length < 2)
    return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other, language) : a - b
  }
  const table = document.querySelector(`[id="tbl-claims-${language}"]`)
  const body = table?.tBodies[0]
  if (!body) return
  const rows = [...body.rows]
  const verdict = row => spoken(row.cells[row.cells.length - 1]).split(',')[0]
  const counted = make('span', { role: 'status' })
  const filters = make('div', { class: 'filters', role: 'group', 'aria-label': words.filter })
  const show = (wanted, pressed) => {
    for (const row of rows) row.hidden = wanted !== null && verdict(row) !== wanted
    for (const each of filters.querySelectorAll('button')) each.setAttribute('aria-pressed', each === pressed)
    counted.textContent = words.rows.replace('{count}', rows.filter(row => !row.hidden).length)
  }
  const button = (label, wanted) => {
    const made = make('button', { type: 'button', 'aria-pressed': wanted === null }, label)
    made.addEventListener('click', () => show(wanted, made))
    return made
  }
  filters.append(button(`${words.all} (${rows.length})`, null))
  for (const each of new Set(rows.map(verdict))) {
    filters.append(button(`${each} (${rows.filter(row => verdict(row) === each).length})`, each))
  }
  filters.append(counted)
  const holder = table.closest('.wide') ?? table
  holder.before(filters)
  for (const [column, header] of [...table.tHead.rows[0].cells].entries()) {
    const sort = make('button', { type: 'button', title: words.sort }, ...header.childNodes)
    header.append(sort)
    sort.addEventListener('click', () => {
      const up = header.getAttribute('aria-sort') !== 'ascending'
      for (const each of table.tHead.rows[0].cells) each.removeAttribute('aria-sort')
      header.setAttribute('aria-sort', up ? 'ascending' : 'descending')
      const sorted = rows.toSorted((one, other) => {
        const [a, b] = [one, other].map(row => spoken(row.cells[column]))
        const order = compare(a, b)
        return (a.length < 2 || b.length < 2 || up ? order : -order)
      })
      body.append(...sorted)
    })
  }
})()
