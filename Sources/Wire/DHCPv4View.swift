/// Why bytes are no DHCPv4 message that Lares can read.
public enum DHCPv4Malformation: Error, Hashable, Sendable, CaseIterable {
  /// Shorter than the fixed header and the cookie.
  case tooShort
  /// `op` is neither BOOTREQUEST nor BOOTREPLY.
  case operation
  /// `htype` is not Ethernet, or `hlen` is not 6.
  case hardware
  /// No magic cookie: BOOTP without DHCP.
  case cookie
  /// An option's length leads past its area.
  case optionLength
  /// Option 52 is not 1, 2 or 3.
  case overload
  /// Option 53 is missing, twice there, or has another length than 1.
  case messageType
}

/// A DHCPv4 message in borrowed bytes. All lengths are checked once, so that no accessor can fail.
///
/// Options are looked up in the options field and then, where option 52 says so, in `file` and in `sname`, the order in
/// which RFC 3396 joins the parts of a long option. Bytes after an area's end option are ignored.
public struct DHCPv4View: ~Escapable {
  public let header: DHCPv4Header
  /// Option 53 as it stands. `messageType` is nil for types that are not in RFC 2132.
  public let messageTypeCode: UInt8
  private let bytes: RawSpan
  /// Option 52: bit 0: `file` carries options; bit 1: `sname` does.
  private let overload: UInt8

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) throws(DHCPv4Malformation) {
    self.bytes = bytes
    header = try DHCPv4Header(reading: bytes)
    overload = try Self.checkedOverload(bytes)
    var types = 0
    var type: UInt8 = 0
    var cursor = DHCPv4OptionCursor(end: bytes.byteCount, overload: overload)
    while let option = try cursor.next(in: bytes) {
      guard option.code == DHCPv4OptionCode.messageType.rawValue else { continue }
      guard option.range.count == 1 else { throw .messageType }
      types += 1
      type = bytes.unsafeLoad(fromByteOffset: option.range.lowerBound, as: UInt8.self)
    }
    guard types == 1 else { throw .messageType }
    messageTypeCode = type
  }

  public var messageType: DHCPv4MessageType? { DHCPv4MessageType(rawValue: messageTypeCode) }

  /// The first occurrence of the option, borrowed; nil where there is none.
  @_lifetime(copy self)
  public func firstOption(_ code: DHCPv4OptionCode) -> RawSpan? {
    guard let range = firstRange(of: code) else { return nil }
    return bytes.extracting(range)
  }

  /// The option's value, parts of a long option joined (RFC 3396 section 7); nil where there is none.
  public func option(_ code: DHCPv4OptionCode) -> [UInt8]? {
    var value: [UInt8]? = nil
    var cursor = DHCPv4OptionCursor(end: bytes.byteCount, overload: overload)
    while let option = try? cursor.next(in: bytes) {
      guard option.code == code.rawValue else { continue }
      value = (value ?? []) + bytes.extracting(option.range).array
    }
    return value
  }

  public func hasOption(_ code: DHCPv4OptionCode) -> Bool { firstRange(of: code) != nil }

  /// The codes of all options in the order of the message, an option of several parts once for each.
  public var optionCodes: [DHCPv4OptionCode] {
    var codes: [DHCPv4OptionCode] = []
    var cursor = DHCPv4OptionCursor(end: bytes.byteCount, overload: overload)
    while let option = try? cursor.next(in: bytes) { codes.append(DHCPv4OptionCode(option.code)) }
    return codes
  }

  private func firstRange(of code: DHCPv4OptionCode) -> Range<Int>? {
    var cursor = DHCPv4OptionCursor(end: bytes.byteCount, overload: overload)
    while let option = try? cursor.next(in: bytes) {
      if option.code == code.rawValue { return option.range }
    }
    return nil
  }

  private static func checkedOverload(_ bytes: RawSpan) throws(DHCPv4Malformation) -> UInt8 {
    var cursor = DHCPv4OptionCursor(end: bytes.byteCount, overload: 0)
    while let option = try cursor.next(in: bytes) {
      guard option.code == DHCPv4OptionCode.overload.rawValue else { continue }
      guard option.range.count == 1 else { throw .overload }
      let value = bytes.unsafeLoad(fromByteOffset: option.range.lowerBound, as: UInt8.self)
      guard 1...3 ~= value else { throw .overload }
      return value
    }
    return 0
  }
}

/// Options of fixed size. Each is nil where it is missing or has another length.
extension DHCPv4View {
  public func uint8(_ code: DHCPv4OptionCode) -> UInt8? {
    guard let value = firstOption(code), value.byteCount == 1 else { return nil }
    return value.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
  }

  public func uint16(_ code: DHCPv4OptionCode) -> UInt16? {
    guard let value = firstOption(code), value.byteCount == 2 else { return nil }
    return UInt16(bigEndian: value.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt16.self))
  }

  public func uint32(_ code: DHCPv4OptionCode) -> UInt32? {
    guard let value = firstOption(code), value.byteCount == 4 else { return nil }
    return UInt32(bigEndian: value.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self))
  }

  public func address(_ code: DHCPv4OptionCode) -> IPv4Address? { uint32(code).map(IPv4Address.init(value:)) }

  /// A list of addresses (options 3, 6, 42 …); empty where it is missing or its length is no multiple of 4.
  public func addresses(_ code: DHCPv4OptionCode) -> [IPv4Address] {
    guard let value = option(code), value.count % 4 == 0 else { return [] }
    return stride(from: 0, to: value.count, by: 4).map {
      IPv4Address(value[$0], value[$0 + 1], value[$0 + 2], value[$0 + 3])
    }
  }

  /// Text (options 12, 15, 56, 60) without trailing zero bytes, which some clients send (RFC 2132 section 2).
  /// Nil where it is missing, empty or not UTF-8.
  public func text(_ code: DHCPv4OptionCode) -> String? {
    guard var value = option(code) else { return nil }
    while value.last == 0 { value.removeLast() }
    return value.isEmpty ? nil : String(validating: value, as: UTF8.self)
  }

  /// Option 50.
  public var requestedAddress: IPv4Address? { address(.requestedAddress) }
  /// Option 54.
  public var serverIdentifier: IPv4Address? { address(.serverIdentifier) }
  /// Option 61, at least two bytes long (RFC 2132 section 9.14).
  public var clientIdentifier: [UInt8]? { option(.clientIdentifier).flatMap { $0.count >= 2 ? $0 : nil } }
  /// The largest UDP payload that the sender takes: option 57 less IP and UDP headers, never below the default.
  public var messageLimit: Int { max(Int(uint16(.maximumMessageSize) ?? 0) - 28, DHCPv4.defaultMessageLimit) }
}

extension DHCPv4Header {
  init(reading bytes: RawSpan) throws(DHCPv4Malformation) {
    guard bytes.byteCount >= DHCPv4.optionsStart else { throw .tooShort }
    func uint8(_ offset: Int) -> UInt8 { bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
    func uint16(_ offset: Int) -> UInt16 {
      UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    func uint32(_ offset: Int) -> UInt32 {
      UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    guard let operation = Operation(rawValue: uint8(0)) else { throw .operation }
    guard uint8(1) == 1, uint8(2) == 6 else { throw .hardware }
    guard uint32(DHCPv4.headerSize) == DHCPv4.magicCookie else { throw .cookie }
    self.init(
      operation: operation, hops: uint8(3), transaction: uint32(4), seconds: uint16(8),
      wantsBroadcast: uint16(10) & 0x8000 != 0, clientAddress: IPv4Address(value: uint32(12)),
      yourAddress: IPv4Address(value: uint32(16)), nextServer: IPv4Address(value: uint32(20)),
      relay: IPv4Address(value: uint32(24)),
      hardware: MACAddress(value: UInt64(uint32(28)) << 16 | UInt64(uint16(32))))
  }
}

/// Walks the options field and the overloaded areas after it. Plain numbers, so that it outlives no bytes.
struct DHCPv4OptionCursor {
  private var position = DHCPv4.optionsStart
  private var end: Int
  /// Areas still to come: bit 0 `file`, bit 1 `sname`.
  private var areas: UInt8

  init(end: Int, overload: UInt8) {
    self.end = end
    areas = overload
  }

  /// The next option's code and the place of its value; nil after the last.
  mutating func next(in bytes: RawSpan) throws(DHCPv4Malformation) -> (code: UInt8, range: Range<Int>)? {
    while true {
      guard position < end else {
        guard enterNextArea() else { return nil }
        continue
      }
      let code = bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
      position += 1
      if code == DHCPv4OptionCode.pad.rawValue { continue }
      if code == DHCPv4OptionCode.end.rawValue {
        position = end
        continue
      }
      guard position < end else { throw .optionLength }
      let length = Int(bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self))
      let start = position + 1
      guard start + length <= end else { throw .optionLength }
      position = start + length
      return (code, start..<position)
    }
  }

  private mutating func enterNextArea() -> Bool {
    let area: Range<Int>
    if areas & 1 != 0 {
      areas &= ~1
      area = DHCPv4.bootFileArea
    } else if areas & 2 != 0 {
      areas &= ~2
      area = DHCPv4.serverNameArea
    } else {
      return false
    }
    (position, end) = (area.lowerBound, area.upperBound)
    return true
  }
}
