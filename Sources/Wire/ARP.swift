/// An ARP message for IPv4 over Ethernet (RFC 826).
public struct ARPMessage: Hashable, Sendable {
  public enum Operation: UInt16, Sendable {
    case request = 1
    case reply = 2
  }

  /// Bytes on the wire.
  public static let length = 28

  public var operation: Operation
  public var senderHardware: MACAddress
  /// `0.0.0.0` in a probe (RFC 5227 section 1.1).
  public var sender: IPv4Address
  /// Zero in a request.
  public var targetHardware: MACAddress
  public var target: IPv4Address

  public init(
    operation: Operation, senderHardware: MACAddress, sender: IPv4Address,
    targetHardware: MACAddress = MACAddress(value: 0), target: IPv4Address
  ) {
    self.operation = operation
    self.senderHardware = senderHardware
    self.sender = sender
    self.targetHardware = targetHardware
    self.target = target
  }

  /// Nil for other hardware, protocols and operations, and where bytes are missing. Padding behind it is left alone.
  public init?(_ bytes: RawSpan) {
    var reader = ByteReader(bytes)
    guard reader.readUInt16() == Self.ethernet, reader.readUInt16() == EtherType.ipv4.rawValue,
      reader.readUInt16() == Self.lengths, let code = reader.readUInt16(), let operation = Operation(rawValue: code),
      let senderHardware = reader.readMACAddress(), let sender = reader.readIPv4Address(),
      let targetHardware = reader.readMACAddress(), let target = reader.readIPv4Address()
    else { return nil }
    self.init(
      operation: operation, senderHardware: senderHardware, sender: sender, targetHardware: targetHardware,
      target: target)
  }

  /// Asks whether somebody has `address`, without claiming it (RFC 5227 section 2.1.1).
  public static func probe(_ address: IPv4Address, from hardware: MACAddress) -> ARPMessage {
    ARPMessage(operation: .request, senderHardware: hardware, sender: .any, target: address)
  }

  /// Claims `address` for `hardware`: a gratuitous ARP (RFC 5227 section 2.3).
  public static func announcement(of address: IPv4Address, at hardware: MACAddress) -> ARPMessage {
    ARPMessage(operation: .request, senderHardware: hardware, sender: address, target: address)
  }

  /// The answer to this request of somebody whose target is at `hardware`.
  public func reply(from hardware: MACAddress) -> ARPMessage {
    ARPMessage(
      operation: .reply, senderHardware: hardware, sender: target, targetHardware: senderHardware, target: sender)
  }

  public func emit(into writer: inout PacketWriter) {
    writer.write(Self.ethernet)
    writer.write(EtherType.ipv4.rawValue)
    writer.write(Self.lengths)
    writer.write(operation.rawValue)
    writer.write(senderHardware)
    writer.write(sender)
    writer.write(targetHardware)
    writer.write(target)
  }

  private static let ethernet: UInt16 = 1
  /// Six bytes of hardware address and four of protocol address.
  private static let lengths: UInt16 = 0x0604
}
