/// What an Ethernet frame carries (IEEE 802 numbers).
public struct EtherType: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let ipv4 = EtherType(rawValue: 0x0800)
  public static let arp = EtherType(rawValue: 0x0806)
  public static let vlan = EtherType(rawValue: 0x8100)
  public static let ipv6 = EtherType(rawValue: 0x86dd)
}

/// The control information of an IEEE 802.1Q tag.
public struct VLANTag: Hashable, Sendable {
  public let value: UInt16
  public init(value: UInt16) { self.value = value }

  /// The VLAN, 0 to 4095; 0 is a tag for priority only.
  public var identifier: UInt16 { value & 0x0fff }
  /// The priority code point, 0 to 7.
  public var priority: UInt8 { UInt8(value >> 13) }
}

/// A checked view of an Ethernet II frame without its frame check sequence.
public struct EthernetFrame: ~Escapable {
  private let bytes: RawSpan
  public let header: EthernetHeader

  /// Nil where the frame is shorter than its header, or carries an IEEE 802.3 length instead of a type.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard let destination = reader.readMACAddress(), let source = reader.readMACAddress(),
      var type = reader.readUInt16()
    else { return nil }
    var tag: VLANTag? = nil
    if type == EtherType.vlan.rawValue {
      guard let control = reader.readUInt16(), let inner = reader.readUInt16() else { return nil }
      tag = VLANTag(value: control)
      type = inner
    }
    guard type >= 0x0600 else { return nil }
    header = EthernetHeader(
      destination: destination, source: source, tag: tag, type: EtherType(rawValue: type))
    self.bytes = bytes
  }

  /// What follows the header, with the padding of a short frame.
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(header.length..<bytes.byteCount) }
  }
}

/// The header of an Ethernet II frame, with at most one 802.1Q tag.
public struct EthernetHeader: Hashable, Sendable {
  public var destination: MACAddress
  public var source: MACAddress
  public var tag: VLANTag?
  public var type: EtherType

  public init(destination: MACAddress, source: MACAddress, tag: VLANTag? = nil, type: EtherType) {
    self.destination = destination
    self.source = source
    self.tag = tag
    self.type = type
  }

  /// Bytes on the wire: 14, or 18 with a tag.
  public var length: Int { tag == nil ? 14 : 18 }

  public func emit(into writer: inout PacketWriter) {
    writer.write(destination)
    writer.write(source)
    if let tag {
      writer.write(EtherType.vlan.rawValue)
      writer.write(tag.value)
    }
    writer.write(type.rawValue)
  }
}
