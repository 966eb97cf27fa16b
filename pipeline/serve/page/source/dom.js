/** An element: properties are set, attributes with a dash or named "role" too, "on..." are listeners. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name.includes('-') || name === 'role' || name === 'for') element.setAttribute(name, value);
    else if (name === 'style') element.style.cssText = value;
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

/** A section of the panel that folds. */
export function section(id, title, open, ...children) {
  return h('details', {id, open}, h('summary', {}, h('h2', {}, title)), h('div', {className: 'body'}, ...children));
}

export function swatch(color) {
  return h('span', {className: 'swatch', style: `background:${color}`, 'aria-hidden': 'true'});
}

let count = 0;

/** A choice of one of [value, label] pairs. */
export function select(label, options, value, choose) {
  const id = `select-${(count += 1)}`;
  const element = h('select', {id, onchange: () => choose(element.value)});
  element.append(...options.map(([key, text]) => h('option', {value: key, selected: key === value}, text)));
  return h('div', {className: 'field'}, h('label', {for: id}, label), element);
}

/** A slider over 0 .. count - 1, or over 0 .. 1 in hundredths; `tell` says in words where it stands. */
export function slider(label, most, value, tell, choose) {
  const id = `slider-${(count += 1)}`;
  const output = h('output', {for: id}, tell(value));
  const set = (now) => {
    output.textContent = tell(now);
    input.setAttribute('aria-valuetext', tell(now));
  };
  const input = h('input', {
    id, type: 'range', min: 0, max: most, step: 1,
    oninput: () => { set(Number(input.value)); choose(Number(input.value)); },
  });
  input.value = value;
  set(value);
  return h('div', {className: 'field slider'}, h('label', {for: id}, label), output, input);
}
