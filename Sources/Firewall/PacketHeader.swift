import Wire

/// What a log line says of a packet: addresses, protocol, ports. Reads any bytes; a packet cut off has what stands before the cut.
struct PacketHeader: Equatable {
  var source: IPAddress
  var destination: IPAddress
  var transport: UInt8
  var sourcePort: UInt16?
  var destinationPort: UInt16?

  /// Reads from the IP header on; nil where no whole IPv4 or IPv6 header is there.
  init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard let first = reader.readUInt8() else { return nil }
    switch first >> 4 {
    case 4: self.init(v4: bytes, headerLength: Int(first & 15) * 4)
    case 6: self.init(v6: bytes)
    default: return nil
    }
  }

  /// RFC 791 section 3.1.
  private init?(v4 bytes: RawSpan, headerLength: Int) {
    var reader = ByteReader(bytes)
    guard headerLength >= 20, reader.skip(6), let fragment = reader.readUInt16(), reader.skip(1),
      let transport = reader.readUInt8(), reader.skip(2), let source = reader.readIPv4Address(),
      let destination = reader.readIPv4Address()
    else { return nil }
    self.source = .v4(source)
    self.destination = .v4(destination)
    self.transport = transport
    // Only the first fragment has ports.
    if fragment & 0x1fff == 0, reader.skip(headerLength - 20) { readPorts(&reader) }
  }

  /// RFC 8200 sections 3 and 4.
  private init?(v6 bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard reader.skip(6), var next = reader.readUInt8(), reader.skip(1), let source = reader.readIPv6Address(),
      let destination = reader.readIPv6Address()
    else { return nil }
    self.source = .v6(source)
    self.destination = .v6(destination)
    var isFirst = true
    // Hop-by-hop options, routing, fragment, destination options. Each is at least 8 bytes, so the loop ends with the packet.
    while [0, 43, 44, 60].contains(next) {
      guard let following = reader.readUInt8(), let length = reader.readUInt8() else { break }
      if next == 44 {
        guard let offset = reader.readUInt16(), reader.skip(4) else { break }
        isFirst = isFirst && offset & 0xfff8 == 0
      } else if !reader.skip(6 + Int(length) * 8) {
        break
      }
      next = following
    }
    transport = next
    if isFirst { readPorts(&reader) }
  }

  private mutating func readPorts(_ reader: inout ByteReader) {
    guard transport == 6 || transport == 17 else { return }
    sourcePort = reader.readUInt16()
    destinationPort = reader.readUInt16()
  }
}
