/// An Ethernet frame with an IPv4 UDP datagram: what packet sockets carry for hosts that have no address yet.
public struct UDPv4Frame: Sendable, Hashable {
  public var source: MACAddress
  public var destination: MACAddress
  public var sourceAddress: IPv4Address
  public var destinationAddress: IPv4Address
  public var sourcePort: UInt16
  public var destinationPort: UInt16

  /// Bytes of the Ethernet, IPv4 (without options) and UDP headers together.
  public static let headerSize = 14 + 20 + 8
  /// The longest payload that fits an IPv4 packet.
  public static let maximumPayload = 65_535 - 28

  public init(
    source: MACAddress, destination: MACAddress, sourceAddress: IPv4Address, destinationAddress: IPv4Address,
    sourcePort: UInt16, destinationPort: UInt16
  ) {
    self.source = source
    self.destination = destination
    self.sourceAddress = sourceAddress
    self.destinationAddress = destinationAddress
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
  }

  /// The frame with both checksums; nil where the payload is longer than `maximumPayload`.
  public func encoded(payload: RawSpan) -> [UInt8]? {
    guard payload.byteCount <= Self.maximumPayload else { return nil }
    let udpLength = UInt16(8 + payload.byteCount)
    var writer = ByteWriter(capacity: Self.headerSize + payload.byteCount)
    writer.write(destination)
    writer.write(source)
    writer.write(UInt16(0x0800))
    // Version 4, five words; type of service 0x10 (low delay), as DHCP servers use; don't fragment; time to live 64.
    let words: [UInt16] = [
      0x4510, 20 + udpLength, 0, 0x4000, 0x4011, 0, UInt16(truncatingIfNeeded: sourceAddress.value >> 16),
      UInt16(truncatingIfNeeded: sourceAddress.value), UInt16(truncatingIfNeeded: destinationAddress.value >> 16),
      UInt16(truncatingIfNeeded: destinationAddress.value),
    ]
    var sum = InternetChecksum()
    for word in words { sum.add(word) }
    for (index, word) in words.enumerated() { writer.write(index == 5 ? sum.value : word) }
    writer.write(sourcePort)
    writer.write(destinationPort)
    writer.write(udpLength)
    let checksum = udpChecksum(of: payload, length: udpLength, stated: 0)
    // RFC 768: a sum of zero is sent as all ones, because zero says that there is none.
    writer.write(checksum == 0 ? UInt16.max : checksum)
    payload.withUnsafeBytes { writer.write(contentsOf: $0) }
    return writer.bytes
  }

  /// Over the pseudo header, the UDP header with the `stated` checksum, and the payload.
  fileprivate func udpChecksum(of payload: RawSpan, length: UInt16, stated: UInt16) -> UInt16 {
    var sum = InternetChecksum()
    sum.add(sourceAddress.value)
    sum.add(destinationAddress.value)
    sum.add(UInt16(17))
    sum.add(length)
    sum.add(sourcePort)
    sum.add(destinationPort)
    sum.add(length)
    sum.add(stated)
    sum.add(payload)
    return sum.value
  }
}

/// A received Ethernet frame with a whole IPv4 UDP datagram, in borrowed bytes.
public struct UDPv4FrameView: ~Escapable {
  public let frame: UDPv4Frame
  /// False where the datagram carries a wrong UDP checksum. A sender on the same machine may leave the sum to a network
  /// card that does not exist: packet sockets tell so with TP_STATUS_CSUMNOTREADY (packet(7)).
  public let hasValidChecksum: Bool
  private let bytes: RawSpan
  private let payloadRange: Range<Int>

  /// What UDP carries.
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(payloadRange) }
  }

  /// Nil unless the bytes are an untagged Ethernet frame with an unfragmented IPv4 packet that holds a whole UDP
  /// datagram and has a right header checksum. Bytes after the packet are padding.
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard let destination = reader.readMACAddress(), let source = reader.readMACAddress(),
      reader.readUInt16() == 0x0800, let versionAndLength = reader.readUInt8(), versionAndLength >> 4 == 4
    else { return nil }
    let headerLength = Int(versionAndLength & 15) * 4
    guard headerLength >= 20, bytes.byteCount >= 14 + headerLength + 8 else { return nil }
    var sum = InternetChecksum()
    sum.add(bytes.extracting(14..<14 + headerLength))
    guard sum.value == 0, reader.skip(1), let totalLength = reader.readUInt16().map(Int.init),
      totalLength >= headerLength + 8, 14 + totalLength <= bytes.byteCount, reader.skip(2),
      let fragment = reader.readUInt16(), fragment & 0x3fff == 0, reader.skip(1), reader.readUInt8() == 17,
      reader.skip(2), let sourceAddress = reader.readIPv4Address(), let destinationAddress = reader.readIPv4Address(),
      reader.skip(headerLength - 20), let sourcePort = reader.readUInt16(), let destinationPort = reader.readUInt16(),
      let udpLength = reader.readUInt16(), udpLength >= 8, headerLength + Int(udpLength) <= totalLength,
      let stated = reader.readUInt16()
    else { return nil }
    let start = 14 + headerLength + 8
    frame = UDPv4Frame(
      source: source, destination: destination, sourceAddress: sourceAddress, destinationAddress: destinationAddress,
      sourcePort: sourcePort, destinationPort: destinationPort)
    payloadRange = start..<start + Int(udpLength) - 8
    self.bytes = bytes
    hasValidChecksum =
      stated == 0 || frame.udpChecksum(of: bytes.extracting(payloadRange), length: udpLength, stated: stated) == 0
  }
}
