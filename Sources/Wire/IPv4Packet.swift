/// A checked view of an IPv4 packet (RFC 791).
public struct IPv4Packet: ~Escapable {
  private let bytes: RawSpan
  private let headerLength: Int
  public let header: IPv4Header
  /// The position of the payload in the whole, in bytes; 0 for the first fragment and for a packet that is none.
  public let fragmentOffset: Int
  /// True where more fragments follow.
  public let moreFragments: Bool

  /// Nil where the version is not 4, the header is shorter than 20 bytes or longer than the packet, the total length
  /// is less than the header or more than `bytes`, a fragment would reach beyond 65,535 bytes, or the header's
  /// checksum is wrong. Bytes behind the total length are an Ethernet frame's padding and left away.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard let first = reader.readUInt8(), first >> 4 == 4, let service = reader.readUInt8(),
      let totalLength = reader.readUInt16(), let identification = reader.readUInt16(),
      let fragment = reader.readUInt16(), let timeToLive = reader.readUInt8(), let next = reader.readUInt8(),
      reader.skip(2), let source = reader.readIPv4Address(), let destination = reader.readIPv4Address()
    else { return nil }
    headerLength = Int(first & 15) * 4
    let total = Int(totalLength)
    guard headerLength >= IPv4Header.length, headerLength <= total, total <= bytes.byteCount else { return nil }
    fragmentOffset = Int(fragment & 0x1fff) * 8
    guard fragmentOffset + total <= 65_535 else { return nil }
    moreFragments = fragment & 0x2000 != 0
    var checksum = InternetChecksum()
    checksum.add(bytes.extracting(0..<headerLength))
    guard checksum.value == 0 else { return nil }
    header = IPv4Header(
      source: source, destination: destination, protocol: IPProtocol(rawValue: next),
      payloadLength: total - headerLength,
      timeToLive: timeToLive, trafficClass: service, identification: identification,
      dontFragment: fragment & 0x4000 != 0)
    self.bytes = bytes.extracting(0..<total)
  }

  /// True for each piece of a packet that was sent in several.
  public var isFragment: Bool { moreFragments || fragmentOffset > 0 }

  /// True where the header carries options. A source route among them asks for what no host should do (RFC 6274).
  public var hasOptions: Bool { headerLength > IPv4Header.length }

  public var options: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(IPv4Header.length..<headerLength) }
  }

  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(headerLength..<bytes.byteCount) }
  }
}

/// The header of an IPv4 packet that is no fragment, without options.
public struct IPv4Header: Hashable, Sendable {
  /// Bytes on the wire, without options.
  public static let length = 20

  public var source: IPv4Address
  public var destination: IPv4Address
  public var `protocol`: IPProtocol
  /// Bytes behind the header: 0 to 65,515.
  public var payloadLength: Int
  /// Hops left.
  public var timeToLive: UInt8
  /// The differentiated services field and ECN (RFC 2474, RFC 3168).
  public var trafficClass: UInt8
  public var identification: UInt16
  public var dontFragment: Bool

  /// An atomic datagram (RFC 6864 section 4), unless said otherwise.
  public init(
    source: IPv4Address, destination: IPv4Address, protocol: IPProtocol, payloadLength: Int, timeToLive: UInt8 = 64,
    trafficClass: UInt8 = 0, identification: UInt16 = 0, dontFragment: Bool = true
  ) {
    self.source = source
    self.destination = destination
    self.protocol = `protocol`
    self.payloadLength = payloadLength
    self.timeToLive = timeToLive
    self.trafficClass = trafficClass
    self.identification = identification
    self.dontFragment = dontFragment
  }

  /// Writes the header with its checksum; a payload length out of range counts as an overflow of `writer`.
  public func emit(into writer: inout PacketWriter) {
    let start = writer.count
    guard let total = UInt16(exactly: Self.length + payloadLength), payloadLength >= 0 else {
      writer.refuse()
      return
    }
    writer.write(0x45 as UInt8)
    writer.write(trafficClass)
    writer.write(total)
    writer.write(identification)
    writer.write((dontFragment ? 0x4000 : 0) as UInt16)
    writer.write(timeToLive)
    writer.write(`protocol`.rawValue)
    writer.write(0 as UInt16)
    writer.write(source)
    writer.write(destination)
    var checksum = InternetChecksum()
    writer.add(from: start, to: &checksum)
    writer.patch(checksum.value, at: start + 10)
  }
}
