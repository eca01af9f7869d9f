public import Wire

/// Builds one netlink message: header, fixed part, attributes. Numbers are in host byte order unless the name says otherwise.
///
/// Everything is padded to 4 bytes as it is written (NLMSG_ALIGN, NLA_ALIGN); the lengths are right at every moment.
public struct MessageWriter: Sendable, Equatable {
  /// The message so far, its header included.
  public private(set) var bytes: [UInt8]

  /// - Parameters:
  ///   - type: nlmsg_type, e.g. RTM_NEWLINK.
  ///   - flags: nlmsg_flags, e.g. NLM_F_REQUEST.
  public init(type: UInt16, flags: UInt16) {
    bytes = []
    bytes.reserveCapacity(256)
    append(UInt32(0))
    append(type)
    append(flags)
    append(UInt32(0))
    append(UInt32(0))
    patchLength()
  }

  /// The message with its sequence number and port filled in, ready to be sent.
  public func bytes(sequence: UInt32, port: UInt32 = 0) -> [UInt8] {
    var message = self
    message.store(sequence, at: 8)
    message.store(port, at: 12)
    return message.bytes
  }

  /// nlmsg_type.
  public var type: UInt16 { UInt16(bytes[4]) | UInt16(bytes[5]) << 8 }

  /// nlmsg_flags.
  public var flags: UInt16 { UInt16(bytes[6]) | UInt16(bytes[7]) << 8 }

  /// A field of the fixed part behind the header (ifinfomsg, rtmsg …), unpadded.
  public mutating func field(_ value: some FixedWidthInteger) {
    append(value)
    patchLength()
  }

  /// An attribute with bytes as they are. `payload` has at most 65,531 bytes.
  public mutating func put(_ type: Int, _ payload: some Collection<UInt8>) {
    precondition(payload.count <= 65_531, "a netlink attribute holds at most 65,531 bytes")
    append(UInt16(4 + payload.count))
    append(UInt16(truncatingIfNeeded: type))
    bytes.append(contentsOf: payload)
    pad()
    patchLength()
  }

  /// An attribute with a number in host byte order.
  public mutating func put(_ type: Int, _ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value) { put(type, $0) }
  }

  /// An attribute with a number in network byte order.
  public mutating func put(_ type: Int, bigEndian value: some FixedWidthInteger) { put(type, value.bigEndian) }

  /// An attribute with text and a NUL behind it.
  public mutating func put(_ type: Int, _ text: String) { put(type, Array(text.utf8) + [0]) }

  /// An attribute that says something by being there.
  public mutating func put(flag type: Int) { put(type, EmptyCollection()) }

  /// An attribute with 4 or 16 bytes of address.
  public mutating func put(_ type: Int, _ address: IPAddress) {
    switch address {
    case .v4(let address): put(type, bigEndian: address.value)
    case .v6(let address): put(type, address.octets)
    }
  }

  /// An attribute with 6 bytes of hardware address.
  public mutating func put(_ type: Int, _ address: MACAddress) { put(type, address.octets) }

  /// An attribute that holds the attributes that `body` puts. `flag` adds NLA_F_NESTED to the type, as all newer interfaces want.
  public mutating func nest(_ type: Int, flag: Bool = true, _ body: (inout MessageWriter) -> Void) {
    let start = bytes.count
    append(UInt16(4))
    append(UInt16(truncatingIfNeeded: type) | (flag ? AttributeType.nested : 0))
    body(&self)
    let length = bytes.count - start
    precondition(length <= 65_535, "a netlink attribute holds at most 65,531 bytes")
    store(UInt16(length), at: start)
    patchLength()
  }

  private mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
  }

  private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }

  private mutating func patchLength() { store(UInt32(bytes.count), at: 0) }

  private mutating func store(_ value: some FixedWidthInteger, at offset: Int) {
    withUnsafeBytes(of: value) { raw in
      for index in raw.indices { bytes[offset + index] = raw[index] }
    }
  }
}

/// The bits of nla_type.
enum AttributeType {
  /// NLA_F_NESTED.
  static let nested: UInt16 = 0x8000
  /// NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
  static let mask: UInt16 = 0x3fff
}

extension MACAddress {
  /// The six octets in the order of transmission.
  var octets: [UInt8] {
    stride(from: 40, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
  }
}

extension IPv4Address {
  /// The four octets in the order of transmission.
  var octets: [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
}

extension IPv6Address {
  /// The sixteen octets in the order of transmission.
  var octets: [UInt8] {
    [high, low].flatMap { half in withUnsafeBytes(of: half.bigEndian) { Array($0) } }
  }
}
