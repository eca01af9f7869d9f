/// A query to an upstream server.
public struct DNSOutgoingQuery: Sendable, Equatable {
  public var identifier: UInt16
  /// Sent as it is, letter case included.
  public var name: DomainName
  public var type: DNSType
  /// RD, and CD and AD as wanted.
  public var flags: DNSFlags
  /// Octets that an answer may have over UDP; nil: a query without EDNS.
  public var payloadSize: UInt16?
  /// DO; needs EDNS.
  public var wantsDNSSEC: Bool

  public init(
    identifier: UInt16, name: DomainName, type: DNSType, flags: DNSFlags, payloadSize: UInt16?, wantsDNSSEC: Bool
  ) {
    self.identifier = identifier
    self.name = name
    self.type = type
    self.flags = flags
    self.payloadSize = payloadSize
    self.wantsDNSSEC = wantsDNSSEC
  }

  /// The message.
  public var bytes: [UInt8] {
    var writer = ByteWriter(capacity: dnsHeaderLength + name.wire.count + 15)
    writer.write(identifier)
    writer.write(flags.rawValue)
    writer.write(UInt16(1))
    writer.write(UInt16(0))
    writer.write(UInt16(0))
    writer.write(UInt16(payloadSize == nil ? 0 : 1))
    writer.write(contentsOf: name.wire)
    writer.write(type.rawValue)
    writer.write(dnsClassInternet)
    if let payloadSize {
      writer.write(UInt8(0))
      writer.write(DNSType.opt.rawValue)
      writer.write(payloadSize)
      writer.write(wantsDNSSEC ? UInt32(0x8000) : 0)
      writer.write(UInt16(0))
    }
    return writer.bytes
  }
}
