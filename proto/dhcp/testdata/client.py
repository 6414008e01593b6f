"""Sends DHCP messages that dhclient does not; see record.sh. Frames are built whole and sent on eth0."""
import socket, struct, sys, time

raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300)
raw.bind(('eth0', 0))
MAC = bytes.fromhex('02005e100001')

def csum(b):
    b += b'\0' * (len(b) & 1)
    s = sum(struct.unpack('!%dH' % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff

def send4(payload, src='0.0.0.0', dst='255.255.255.255', ports=(68, 67)):
    udp = struct.pack('!4H', *ports, 8 + len(payload), 0) + payload
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
    raw.send(b'\xff' * 6 + MAC + b'\x08\0' + ip[:10] + struct.pack('!H', csum(ip)) + ip[12:] + udp)
    time.sleep(0.3)

def bootp(typ, opts, op=1, xid=0x0badcafe, flags=0, ciaddr='0.0.0.0', giaddr='0.0.0.0', hops=0, sname=b'', file=b'', end=True):
    b = struct.pack('!4BIHH4s4s4s4s16s64s128s', op, 1, 6, hops, xid, 7, flags, socket.inet_aton(ciaddr), b'\0' * 4, b'\0' * 4,
                    socket.inet_aton(giaddr), MAC, sname, file)
    body = b''.join(bytes([c, len(v)]) + v for c, v in [(53, bytes([typ]))] + opts)
    return b + b'\x63\x82\x53\x63' + body + (b'\xff' if end else b'')

def name(n): return b''.join(bytes([len(l)]) + l for l in n.encode().split(b'.')) + b'\0'

if len(sys.argv) == 1:
    send4(bootp(3, [(50, socket.inet_aton('192.0.2.9')), (54, socket.inet_aton('10.79.0.1')), (12, b'stranger')], flags=0x8000))  # refused
    send4(bootp(1, [(82, b'\1\4\0\4\0\1' + b'\2\6' + MAC + b'\5\4' + socket.inet_aton('10.79.0.0')), (60, b'relayed')], giaddr='10.79.0.2', hops=1), src='10.79.0.2', ports=(67, 67))
    search = name('a.tapir.test') + b'\1b\xc0\2'
    send4(bootp(8, [(119, search[:9]), (119, search[9:]), (52, b'\3'), (61, b'\0my-id'), (77, b'lab'), (124, struct.pack('!IB', 3561, 3) + b'abc'),
                    (81, b'\5\0\0' + name('host.tapir.test')), (55, bytes([1, 3, 6, 121, 250]))],
                ciaddr='10.79.0.99', sname=bytes([66, 4]) + b'tftp' + b'\xff', file=bytes([67, 7]) + b'boot/it' + b'\0\0\xff'))
    send4(bootp(4, [(50, socket.inet_aton('10.79.0.12')), (54, socket.inet_aton('10.79.0.1')), (56, b'in use')]))
    send4(bootp(1, [(12, b'\xff')], end=False)[:-2] + b'\x20abc')  # the last option is longer than the message
else:
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex('eth0'))
    s.bind(('::', 547))
    opt = lambda c, v: struct.pack('!HH', c, len(v)) + v
    duid = b'\0\3\0\1' + MAC
    ia = opt(3, struct.pack('!III', 1, 0, 0))
    pd = opt(25, struct.pack('!III', 1, 0, 0) + opt(26, struct.pack('!IIB', 3600, 7200, 56) + socket.inet_pton(socket.AF_INET6, '2001:db8:0:100::')))
    solicit = b'\1\xab\xcd\xef' + opt(1, duid) + ia + pd + opt(8, b'\0\x64') + opt(14, b'') + opt(6, struct.pack('!3H', 23, 24, 39)) + \
        opt(16, struct.pack('!IH', 311, 8) + b'MSFT 5.0') + opt(39, b'\1' + name('roe.tapir.test'))
    relay = b'\x0c\0' + socket.inet_pton(socket.AF_INET6, 'fd79::2') + socket.inet_pton(socket.AF_INET6, 'fe80::1') + opt(18, b'eth7') + opt(9, solicit)
    for m in (relay, solicit):
        s.sendto(m, ('ff02::1:2', 547))
        time.sleep(0.5)
