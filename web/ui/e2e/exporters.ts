// A network that its devices tell of: two switches and a web server, which send sFlow to a collector on loopback.
import { Agents, freePort, type Agent } from './sflow';
import { collect, newData, type Server } from './tapir';
import type { Peer } from './packets';

export const core = '192.0.2.1';
export const edge = '192.0.2.2';
export const web = '192.0.2.80';

/** The connection whose packets a test records, too. */
export const known: { client: Peer; server: Peer } = { client: { ip: '10.20.1.7', port: 40_123 }, server: { ip: '10.30.0.80', port: 443 } };

/** Numbers that are the same every time (Knuth, MMIX), from 0 to below n. */
function dice(): (n: number) => number {
  let seed = 6343n;
  return (n) => {
    seed = (seed * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number((seed >> 33n) % BigInt(n));
  };
}

const gigabit = 1e9;
const sites = ['shop.example', 'www.example', 'api.example', 'static.example'];

/** Devices and the collector that hears of them. */
export class Exporters {
  readonly core: Agent;
  readonly edge: Agent;
  readonly web: Agent;
  private readonly roll = dice();

  private constructor(
    readonly server: Server,
    readonly agents: Agents,
  ) {
    this.core = agents.agent(core, 1000);
    this.edge = agents.agent(edge, 400);
    this.web = agents.agent(web, 10);
  }

  /** Starts a collector on a data directory, a new one if none is given. */
  static async start(data?: string): Promise<Exporters> {
    const port = await freePort();
    return new Exporters(await collect(data ?? (await newData()), port), new Agents(port));
  }

  /** Sends what happens in ten seconds; load is how much of it, from 0 to 1. */
  async round(load = 0.5): Promise<void> {
    const { core, edge, web, roll } = this;
    const clients = (n: number): Peer => ({ ip: `10.20.${1 + (n % 4)}.${2 + roll(40)}`, port: 32768 + roll(28000) });
    const servers: Peer[] = [{ ip: '10.30.0.80', port: 443 }, { ip: '10.30.0.25', port: 25 }, { ip: '10.30.4.53', port: 53 }, { ip: '10.40.9.5', port: 5432 }, { ip: '203.0.113.10', port: 443 }, { ip: '198.51.100.7', port: 22 }];
    for (let i = 0; i < 4; i++) {
      for (let k = 0; k < 6; k++) {
        const [c, s] = [clients(roll(9)), servers[Math.min(roll(6), roll(6))]!];
        if (roll(3) > 0) core.packet(s, c, 1518, 2, 1);
        else core.packet(c, s, 90 + roll(300), 1, 2);
        if (roll(2) > 0) edge.packet(s, c, 1200 + roll(318), 3, 4);
      }
      await core.send();
      await edge.send();
    }
    core.later(10).count(1, 'uplink', gigabit, load * 1.05e9, load * 3e8).count(2, 'servers', 10 * gigabit, load * 3e8, load * 1.05e9);
    edge.later(10).count(3, 'rack-7', gigabit, load * 5e8, load * 1e8).count(4, 'access', gigabit, load * 1e8, load * 5e8);
    for (let k = 0; k < 8; k++) {
      const status = [200, 200, 200, 200, 304, 404, 200, 503][roll(8)]!;
      web.request({ client: clients(k), server: { ip: '10.30.0.80', port: 443 }, host: sites[Math.min(roll(4), roll(4))]!, uri: `/item/${roll(9)}?x=${k}`, status, micros: 800 + roll(9000) + (status === 503 ? 900_000 : 0) });
    }
    await Promise.all([core.send(), edge.send(), web.send()]);
  }

  /** Waits until the collector has stored what was sent. */
  async stored(q: string, atLeast: number): Promise<void> {
    for (let i = 0; ; i++) {
      const n = (await this.server.search(q, { kind: 'sample', limit: '0', columns: 'sflow.type' })).length;
      if (n >= atLeast) return;
      if (i > 100) throw new Error(`${n} samples of ${q} are stored, wanted ${atLeast}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  async stop(): Promise<void> {
    this.agents.close();
    await this.server.stop();
  }
}
