import {h, section, select, slider} from './dom.js';

const GROUND = {mosaic: 'True colour', 'false-color': 'False colour (near infrared)', none: 'Nothing'};
const CLASSES = {landcover: 'Refined', coarse: 'Coarse', none: 'Nothing'};

/** Which layers are shown, and how strongly. */
export function choicesPanel({store, cube, say, periodName, versionName}) {
  const state = store.get();
  const has = (name) => name === 'none' || cube.layers.includes(name);
  const among = (names) => Object.entries(names).filter(([name]) => has(name));
  const earlier = cube.periods.map((period) => [`since:${period}`, `Change since ${periodName(period)}`]);
  const older = cube.versions.map(({id}) => [`version:${id}`, `Change against version ${versionName(id)}`]);
  const overlays = [['none', 'Nothing'], ['confidence', 'Confidence'], ['refined', 'Refined here']]
    .filter(([name]) => has(name))
    .concat(earlier.length > 1 ? earlier : [], older.length > 1 ? older : []);
  const overlay = select('Over it', overlays, state.overlay, (name) => store.set({overlay: name}));
  const hint = h('p', {className: 'hint'});
  const tell = ({overlay: name}) => {
    hint.textContent = {
      none: '',
      confidence: 'How sure the network is of the class of each pixel.',
      refined: 'Pixels at boundaries that refinement looked at again.',
    }[name] ?? 'Pixels whose class is another than before, in the colour of their class now.';
  };
  store.subscribe(tell);
  tell(state);
  return section('layers', 'Layers', true,
    select('Ground', among(GROUND), state.base, (base) => store.set({base})),
    select('Classes', among(CLASSES), state.classes, (classes) => {
      store.set({classes});
      if (store.get().compare === 'coarse') say('Refined and coarse are compared; end that to choose one.');
    }),
    slider('Strength of the classes', 100, state.opacity, (share) => `${share} %`, (opacity) => store.set({opacity})),
    overlay,
    hint,
  );
}
