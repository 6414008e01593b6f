// The registry of fields, fetched once, when first asked for.

import { api, type Field } from './api';

class Fields {
  /** By name; empty until they are here. */
  all = $state.raw<Map<string, Field>>(new Map());
  #asked: Promise<void> | undefined;

  /** Fetches them, if they are not here or under way. */
  load(): Promise<void> {
    this.#asked ??= api.fields().then(
      (list) => {
        this.all = new Map(list.map((f) => [f.name, f]));
      },
      () => {
        this.#asked = undefined; // asked again next time
      },
    );
    return this.#asked;
  }

  /** A field by its name; of a type that quotes if it is not known. */
  get(name: string): Field {
    return this.all.get(name) ?? { name, type: guess(name), set: false, kinds: [], aliases: [], description: '' };
  }
}

/** The type by the name, while the registry is not here: it decides whether values are quoted. */
function guess(name: string): Field['type'] {
  if (/(^|[._])ip$/.test(name)) return 'ip';
  if (/\.(port|packets|status_code)$/.test(name)) return 'integer';
  if (/\.bytes$/.test(name)) return 'bytes';
  if (/\.duration$/.test(name)) return 'duration';
  return 'term';
}

export const fields = new Fields();
