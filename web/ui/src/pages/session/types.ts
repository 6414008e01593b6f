// What the API says of the packets of a session; api/openapi.yaml has the contract.

/** The end of a session that a packet or a piece of the stream came from. */
export type Side = 'client' | 'server';

/** One node of a decoded packet. */
export interface TreeNode {
  name: string;
  value: string;
  /** First byte in the packet's data. */
  offset: number;
  /** Bytes; 0 for what is not in the packet, as the time of arrival. */
  length: number;
  children?: TreeNode[];
}

/** What the analysis of a TCP segment says beside its header. */
export type Finding =
  | 'retransmission'
  | 'out_of_order'
  | 'duplicate_ack'
  | 'zero_window'
  | 'gap'
  | 'keepalive'
  | 'reset';

/** A packet in one line (detail=summary). */
export interface Packet {
  /** Place in the session, from 1. */
  number: number;
  /** RFC 3339 with nanoseconds. */
  time: string;
  /** Bytes on the wire. */
  length: number;
  /** Bytes stored. */
  captured: number;
  /** Bytes on the wire above the transport header. */
  payload: number;
  from: Side;
  /** Of the application layer, in short, or the name of the innermost header. */
  protocol: string;
  info: string;
  tcp?: { flags: string[]; seq: number; ack: number; window: number; relative_seq?: number; relative_ack?: number };
  analysis?: string[];
}

/** A packet with its tree and its bytes in base64 (detail=full). */
export interface FullPacket extends Packet {
  tree: TreeNode[];
  data: string;
}

/** A piece of what one side said. */
export interface Chunk {
  from: Side;
  time: string;
  /** base64. */
  data: string;
  /** Bytes that were lost behind data. */
  gap: number;
}
