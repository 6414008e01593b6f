// Short messages at the edge of the window that go away by themselves.

export interface Message {
  id: number;
  text: string;
  tone: 'plain' | 'bad';
}

const stays = { plain: 3500, bad: 9000 }; // ms
const most = 4;

class Toasts {
  shown = $state.raw<Message[]>([]);
  #next = 1;

  show(text: string, tone: Message['tone'] = 'plain') {
    const m = { id: this.#next++, text, tone };
    this.shown = [...this.shown, m].slice(-most);
    setTimeout(() => this.drop(m.id), stays[tone]);
  }

  drop(id: number) {
    this.shown = this.shown.filter((m) => m.id !== id);
  }
}

export const toasts = new Toasts();
