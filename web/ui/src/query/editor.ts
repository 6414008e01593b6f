// The query bar's editor: one line, completed, coloured and checked by the server, so that there is one grammar. It is loaded
// after the first paint. It lives in a shadow root, where its style sheets are constructed and the policy needs no exception.

import { autocompletion, acceptCompletion, closeCompletion, completionKeymap, completionStatus, moveCompletionSelection, selectedCompletionIndex, startCompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { Compartment, EditorState, Prec, StateEffect, StateField } from '@codemirror/state';
import { Decoration, drawSelection, EditorView, keymap, placeholder, type DecorationSet } from '@codemirror/view';
import { api, aborted, type Params, type Token } from '../lib/api';
import { fromByte, toByte } from '../lib/expression';

export interface Options {
  text: string;
  hint: string;
  /** What completions depend on beside the text: kind, from, to. */
  context: () => Params;
  changed: (text: string) => void;
  submit: (text: string) => void;
  leave: () => void;
  /** Completions are offered, or no longer. */
  offering: (on: boolean) => void;
}

export interface Editor {
  text(): string;
  set(text: string): void;
  focus(from?: number, to?: number): void;
  /** Underlines a stretch (places in the text); without one nothing is. */
  mark(from?: number, to?: number): void;
  destroy(): void;
}

const coloured = StateEffect.define<Token[]>();
const marked = StateEffect.define<{ from: number; to: number } | undefined>();

function decorate(effectOf: (e: StateEffect<unknown>, doc: string) => DecorationSet | undefined): StateField<DecorationSet> {
  return StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(now, tr) {
      now = now.map(tr.changes);
      for (const e of tr.effects) now = effectOf(e, tr.state.doc.toString()) ?? now;
      return now;
    },
    provide: (f) => EditorView.decorations.from(f),
  });
}

const colours = decorate((e, doc) => {
  if (!e.is(coloured)) return undefined;
  return Decoration.set(
    e.value.flatMap((t) => {
      const from = fromByte(doc, t.from);
      const to = fromByte(doc, t.to);
      return to > from ? [Decoration.mark({ class: 'q-' + t.class }).range(from, to)] : [];
    }),
    true,
  );
});

const wrong = decorate((e, doc) => {
  if (!e.is(marked)) return undefined;
  if (!e.value || doc.length === 0) return Decoration.none;
  const from = Math.max(0, Math.min(e.value.from, doc.length - 1));
  return Decoration.set([Decoration.mark({ class: 'q-wrong' }).range(from, Math.max(from + 1, Math.min(e.value.to, doc.length)))]);
});

const theme = EditorView.theme({
  '&': { fontFamily: 'var(--mono)', fontSize: '13px', color: 'var(--text)', height: '28px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'inherit', lineHeight: '28px', overflowX: 'auto', scrollbarWidth: 'none' },
  // plain text: where a browser would keep the colours of what is typed over, it writes inline styles, which the policy stops
  '.cm-content': { padding: '0', caretColor: 'var(--text)', '-webkit-user-modify': 'read-write-plaintext-only' },
  '.cm-line': { padding: '0 4px 0 0' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-placeholder': { color: 'var(--muted)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': { background: 'color-mix(in srgb, var(--accent) 26%, transparent)' },
  '.q-field': { color: 'var(--q-field)' },
  '.q-string, .q-regex': { color: 'var(--q-string)' },
  '.q-number': { color: 'var(--q-number)' },
  '.q-keyword, .q-pipe': { color: 'var(--q-keyword)' },
  '.q-operator, .q-punctuation': { color: 'var(--muted)' },
  '.q-function, .q-stage, .q-shortcut': { color: 'var(--q-function)' },
  '.q-error, .q-wrong': { textDecoration: 'underline wavy var(--bad)', textDecorationSkipInk: 'none', textUnderlineOffset: '3px' },
  '.cm-tooltip': { border: '1px solid var(--line-strong)', borderRadius: '6px', background: 'var(--raised)', color: 'var(--text)', boxShadow: 'var(--shadow)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12px', maxHeight: '320px', maxWidth: 'min(720px, 92vw)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px', display: 'flex', gap: '12px', alignItems: 'baseline' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { background: 'var(--accent-soft)', color: 'var(--text)' },
  '.cm-completionLabel': { flex: '0 0 auto' },
  '.cm-completionDetail': { marginLeft: 'auto', color: 'var(--muted)', fontStyle: 'normal', fontFamily: 'var(--font)', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
});

/** Asks the server how the text could go on. */
async function complete(c: CompletionContext, context: () => Params): Promise<CompletionResult | null> {
  const text = c.state.doc.toString();
  const stop = new AbortController();
  c.addEventListener('abort', () => stop.abort());
  try {
    const list = await api.complete({ q: text, pos: toByte(text, c.pos), ...context() }, stop.signal);
    const at = list[0];
    if (!at) return null;
    return {
      from: fromByte(text, at.from),
      to: fromByte(text, at.to),
      filter: false, // the server has done it
      options: list.map((x) => ({ label: x.text, detail: x.detail, type: x.kind, apply: x.text })),
    };
  } catch {
    return null; // without completions the bar still works
  }
}

/**
 * Types over what is selected. Where a browser does this itself it keeps the colour of the first character as an inline style, which the
 * policy stops, even in plain text. What is selected is read from the document: the editor hears of it later.
 */
function typeOver(e: InputEvent, view: EditorView): boolean {
  if (e.inputType !== 'insertText' || e.data === null || view.composing) return false;
  const s = (view.root as Document).getSelection?.();
  const inside = s?.anchorNode && s.focusNode && view.contentDOM.contains(s.anchorNode) && view.contentDOM.contains(s.focusNode);
  const { anchor, head } = inside ? { anchor: view.posAtDOM(s.anchorNode!, s.anchorOffset), head: view.posAtDOM(s.focusNode!, s.focusOffset) } : view.state.selection.main;
  if (anchor === head) return false;
  const from = Math.min(anchor, head);
  view.dispatch({ changes: { from, to: Math.max(anchor, head), insert: e.data }, selection: { anchor: from + e.data.length }, scrollIntoView: true, userEvent: 'input.type' });
  return true;
}

/** Puts an editor into an element that is empty. */
export function edit(parent: HTMLElement, o: Options): Editor {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' });
  const hint = new Compartment();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stop = new AbortController();

  const colour = (wait: number) => {
    clearTimeout(timer);
    stop.abort();
    stop = new AbortController();
    const { signal } = stop;
    timer = setTimeout(async () => {
      const text = view.state.doc.toString();
      try {
        const tokens = text === '' ? [] : await api.tokens(text, signal);
        if (!signal.aborted && view.state.doc.toString() === text) view.dispatch({ effects: coloured.of(tokens) });
      } catch (e) {
        if (!aborted(e)) return; // colours are a help, not more
      }
    }, wait);
  };

  const submit = () => {
    closeCompletion(view);
    o.submit(view.state.doc.toString());
    return true;
  };
  const tab = (v: EditorView) => {
    const status = completionStatus(v.state);
    if (status === 'pending') return true; // they are about to come
    if (status !== 'active') return v.state.doc.length > 0 && startCompletion(v);
    if (selectedCompletionIndex(v.state) === null || selectedCompletionIndex(v.state) === -1) moveCompletionSelection(true)(v);
    return acceptCompletion(v);
  };

  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: o.text,
      selection: { anchor: o.text.length },
      extensions: [
        Prec.highest(
          keymap.of([
            { key: 'Enter', run: (v) => (completionStatus(v.state) === 'active' && (selectedCompletionIndex(v.state) ?? -1) >= 0 ? acceptCompletion(v) : submit()) },
            { key: 'Tab', run: tab },
            { key: 'Escape', run: (v) => closeCompletion(v) || (o.leave(), true) },
          ]),
        ),
        keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        history(),
        drawSelection(),
        EditorView.domEventHandlers({ beforeinput: typeOver }),
        EditorState.transactionFilter.of((tr) => (tr.newDoc.lines > 1 ? [tr, { changes: lineEnds(tr.newDoc.toString()), sequential: true }] : tr)),
        autocompletion({ override: [(c) => complete(c, o.context)], selectOnOpen: false, interactionDelay: 0, icons: false, activateOnTypingDelay: 80, maxRenderedOptions: 50 }),
        colours,
        wrong,
        theme,
        hint.of(placeholder(o.hint)),
        EditorView.contentAttributes.of({ 'aria-label': 'Query', tabindex: '0', 'aria-multiline': 'false', spellcheck: 'false', autocapitalize: 'off', autocorrect: 'off' }),
        EditorView.updateListener.of((u) => {
          o.offering(completionStatus(u.state) === 'active');
          if (!u.docChanged) return;
          o.changed(u.state.doc.toString());
          colour(60);
        }),
      ],
    }),
  });
  colour(0);

  return {
    text: () => view.state.doc.toString(),
    set(text) {
      if (text === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } });
    },
    focus(from, to) {
      view.focus();
      if (from !== undefined) view.dispatch({ selection: { anchor: Math.min(from, view.state.doc.length), head: Math.min(to ?? from, view.state.doc.length) } });
    },
    mark(from, to) {
      view.dispatch({ effects: marked.of(from === undefined ? undefined : { from, to: to ?? from }) });
    },
    destroy() {
      clearTimeout(timer);
      stop.abort();
      view.destroy();
    },
  };
}

/** Line ends of a pasted text become spaces. */
function lineEnds(text: string) {
  return [...text.matchAll(/\r?\n/g)].map((m) => ({ from: m.index, to: m.index + m[0].length, insert: ' ' }));
}
