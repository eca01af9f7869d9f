import CNetlinkShims
public import Wire

/// One direction of a tracked flow: where its packets come from and go to.
public struct FlowTuple: Sendable, Hashable {
  public var source: IPAddress
  public var destination: IPAddress
  /// IP protocol number: 6 TCP, 17 UDP, 1 and 58 ICMP.
  public var transport: UInt8
  /// Port of the source; 0 where the protocol has none.
  public var sourcePort: UInt16
  /// Port of the destination; 0 where the protocol has none.
  public var destinationPort: UInt16
  /// Identifier, type and code, for ICMP and ICMPv6.
  public var echo: EchoKey?

  /// What stands for ports in ICMP.
  public struct EchoKey: Sendable, Hashable {
    public var identifier: UInt16
    public var type: UInt8
    public var code: UInt8

    public init(identifier: UInt16, type: UInt8, code: UInt8) {
      self.identifier = identifier
      self.type = type
      self.code = code
    }
  }

  public init(
    source: IPAddress, destination: IPAddress, transport: UInt8, sourcePort: UInt16 = 0, destinationPort: UInt16 = 0,
    echo: EchoKey? = nil
  ) {
    self.source = source
    self.destination = destination
    self.transport = transport
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.echo = echo
  }
}

/// One entry of connection tracking.
public struct Flow: Sendable, Hashable {
  /// As the first packet went.
  public var original: FlowTuple
  /// As the answers come: its source is the host that a port forward led to, its destination the address that masquerading put in.
  public var reply: FlowTuple
  /// The kernel's number for the entry, unique among those that live.
  public var identifier: UInt32
  /// IPS_… of nf_conntrack_common.h.
  public var status: UInt32
  /// Seconds until the entry ends unless another packet comes.
  public var timeout: UInt32
  /// The mark that rules gave it.
  public var mark: UInt32
  /// Packets and bytes of each direction; nil where nf_conntrack_acct is off.
  public var counters: Counters?

  public struct Counters: Sendable, Hashable {
    public var originalPackets: UInt64
    public var originalBytes: UInt64
    public var replyPackets: UInt64
    public var replyBytes: UInt64
  }

  public init(
    original: FlowTuple, reply: FlowTuple, identifier: UInt32, status: UInt32 = 0, timeout: UInt32 = 0,
    mark: UInt32 = 0, counters: Counters? = nil
  ) {
    self.original = original
    self.reply = reply
    self.identifier = identifier
    self.status = status
    self.timeout = timeout
    self.mark = mark
    self.counters = counters
  }

  /// The destination was translated: a port forward (IPS_DST_NAT).
  public var isForwarded: Bool { status & UInt32(IPS_DST_NAT.rawValue) != 0 }
}

/// Which flows are meant: those that all the named things hold for. Without any, all.
public struct FlowFilter: Sendable, Equatable {
  /// Holds the source of the first packet.
  public var source: IPPrefix?
  /// Holds the destination that the first packet had before translation.
  public var destination: IPPrefix?
  /// Holds the host that a port forward led to: the source of the answers, where the destination was translated.
  public var forwardedTo: IPPrefix?
  /// Holds the source or the destination of either direction: everything that a host takes part in.
  public var party: IPPrefix?
  /// IP protocol number.
  public var transport: UInt8?
  /// Port that the first packet went to, before translation.
  public var destinationPort: UInt16?
  /// Port that a port forward led to.
  public var forwardedToPort: UInt16?

  public init(
    source: IPPrefix? = nil, destination: IPPrefix? = nil, forwardedTo: IPPrefix? = nil, party: IPPrefix? = nil,
    transport: UInt8? = nil, destinationPort: UInt16? = nil, forwardedToPort: UInt16? = nil
  ) {
    self.source = source
    self.destination = destination
    self.forwardedTo = forwardedTo
    self.party = party
    self.transport = transport
    self.destinationPort = destinationPort
    self.forwardedToPort = forwardedToPort
  }

  public func matches(_ flow: Flow) -> Bool {
    let ends = [flow.original.source, flow.original.destination, flow.reply.source, flow.reply.destination]
    return (source.map { $0.contains(flow.original.source) } ?? true)
      && (destination.map { $0.contains(flow.original.destination) } ?? true)
      && (forwardedTo.map { flow.isForwarded && $0.contains(flow.reply.source) } ?? true)
      && (party.map { ends.contains(where: $0.contains) } ?? true)
      && (transport.map { $0 == flow.original.transport } ?? true)
      && (destinationPort.map { $0 == flow.original.destinationPort } ?? true)
      && (forwardedToPort.map { flow.isForwarded && $0 == flow.reply.sourcePort } ?? true)
  }
}

extension Flow {
  /// Reads an IPCTNL_MSG_CT_NEW; nil for any other message or a malformed one.
  public init?(_ message: borrowing Message) {
    guard message.type == Conntrack.type(IPCTNL_MSG_CT_NEW.rawValue), message.payload.byteCount >= 4 else { return nil }
    var original: FlowTuple?
    var reply: FlowTuple?
    var counts: (original: (UInt64, UInt64)?, reply: (UInt64, UInt64)?)
    self.init(original: .none, reply: .none, identifier: 0)
    var attributes = message.attributes(after: 4)
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(CTA_TUPLE_ORIG.rawValue): original = FlowTuple(attribute)
      case Int(CTA_TUPLE_REPLY.rawValue): reply = FlowTuple(attribute)
      case Int(CTA_ID.rawValue): identifier = attribute.bigEndian() ?? 0
      case Int(CTA_STATUS.rawValue): status = attribute.bigEndian() ?? 0
      case Int(CTA_TIMEOUT.rawValue): timeout = attribute.bigEndian() ?? 0
      case Int(CTA_MARK.rawValue): mark = attribute.bigEndian() ?? 0
      case Int(CTA_COUNTERS_ORIG.rawValue): counts.original = Self.counts(attribute)
      case Int(CTA_COUNTERS_REPLY.rawValue): counts.reply = Self.counts(attribute)
      default: break
      }
    }
    guard let original, let reply else { return nil }
    self.original = original
    self.reply = reply
    guard let there = counts.original, let back = counts.reply else { return }
    counters = Counters(
      originalPackets: there.0, originalBytes: there.1, replyPackets: back.0, replyBytes: back.1)
  }

  private static func counts(_ attribute: borrowing Attribute) -> (UInt64, UInt64)? {
    var packets: UInt64?
    var bytes: UInt64?
    var attributes = attribute.nested
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(CTA_COUNTERS_PACKETS.rawValue): packets = attribute.bigEndian()
      case Int(CTA_COUNTERS_BYTES.rawValue): bytes = attribute.bigEndian()
      default: break
      }
    }
    guard let packets, let bytes else { return nil }
    return (packets, bytes)
  }
}

extension FlowTuple {
  fileprivate static let none = FlowTuple(source: .v4(.any), destination: .v4(.any), transport: 0)

  /// Reads the inside of CTA_TUPLE_ORIG or CTA_TUPLE_REPLY; nil without both addresses, of one family, and a protocol.
  fileprivate init?(_ tuple: borrowing Attribute) {
    var source: IPAddress?
    var destination: IPAddress?
    var tail = FlowTuple.none
    var hasTransport = false
    var attributes = tuple.nested
    while let attribute = attributes.next() {
      var inner = attribute.nested
      while let field = inner.next() {
        switch (attribute.type, field.type) {
        case (Int(CTA_TUPLE_IP.rawValue), Int(CTA_IP_V4_SRC.rawValue)),
          (Int(CTA_TUPLE_IP.rawValue), Int(CTA_IP_V6_SRC.rawValue)):
          source = field.address
        case (Int(CTA_TUPLE_IP.rawValue), Int(CTA_IP_V4_DST.rawValue)),
          (Int(CTA_TUPLE_IP.rawValue), Int(CTA_IP_V6_DST.rawValue)):
          destination = field.address
        case (Int(CTA_TUPLE_PROTO.rawValue), Int(CTA_PROTO_NUM.rawValue)):
          tail.transport = field.number() ?? 0
          hasTransport = true
        case (Int(CTA_TUPLE_PROTO.rawValue), _): tail.readTransport(field)
        default: break
        }
      }
    }
    guard let source, let destination, source.family == destination.family, hasTransport else { return nil }
    self = tail
    self.source = source
    self.destination = destination
  }

  /// One field of CTA_TUPLE_PROTO beside the protocol's number.
  private mutating func readTransport(_ field: borrowing Attribute) {
    var key: EchoKey { echo ?? EchoKey(identifier: 0, type: 0, code: 0) }
    switch field.type {
    case Int(CTA_PROTO_SRC_PORT.rawValue): sourcePort = field.bigEndian() ?? 0
    case Int(CTA_PROTO_DST_PORT.rawValue): destinationPort = field.bigEndian() ?? 0
    case Int(CTA_PROTO_ICMP_ID.rawValue), Int(CTA_PROTO_ICMPV6_ID.rawValue):
      echo = EchoKey(identifier: field.bigEndian() ?? 0, type: key.type, code: key.code)
    case Int(CTA_PROTO_ICMP_TYPE.rawValue), Int(CTA_PROTO_ICMPV6_TYPE.rawValue):
      echo = EchoKey(identifier: key.identifier, type: field.number() ?? 0, code: key.code)
    case Int(CTA_PROTO_ICMP_CODE.rawValue), Int(CTA_PROTO_ICMPV6_CODE.rawValue):
      echo = EchoKey(identifier: key.identifier, type: key.type, code: field.number() ?? 0)
    default: break
    }
  }

  /// Writes the inside of CTA_TUPLE_ORIG.
  func write(to message: inout MessageWriter) {
    let isV4 = source.family == .v4
    message.nest(Int(CTA_TUPLE_IP.rawValue)) { ip in
      ip.put(Int((isV4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC).rawValue), source)
      ip.put(Int((isV4 ? CTA_IP_V4_DST : CTA_IP_V6_DST).rawValue), destination)
    }
    message.nest(Int(CTA_TUPLE_PROTO.rawValue)) { proto in
      proto.put(Int(CTA_PROTO_NUM.rawValue), transport)
      if let echo {
        proto.put(Int((isV4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID).rawValue), bigEndian: echo.identifier)
        proto.put(Int((isV4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE).rawValue), echo.type)
        proto.put(Int((isV4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE).rawValue), echo.code)
      } else {
        proto.put(Int(CTA_PROTO_SRC_PORT.rawValue), bigEndian: sourcePort)
        proto.put(Int(CTA_PROTO_DST_PORT.rawValue), bigEndian: destinationPort)
      }
    }
  }
}
