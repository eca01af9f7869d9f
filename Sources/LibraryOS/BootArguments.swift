public import Wire

/// The words of a guest's command line, `KEY=VALUE` each.
///
/// `virtio_mmio.device=SIZE@BASE:LINE` announces a device, as in Linux. A service's device NAME is described by
/// `network.NAME.mac=ADDRESS` and, as often as needed, `network.NAME.address=ADDRESS/LENGTH`.
public struct BootArguments: Sendable {
  private let words: [Word]

  private struct Word: Sendable {
    let key: String
    let value: String
  }

  /// Words are parted by spaces. One without `=` has an empty value.
  public init(_ commandLine: UnsafeRawBufferPointer) {
    words = commandLine.split(separator: UInt8(ascii: " ")).map { word in
      let equals = word.firstIndex(of: UInt8(ascii: "=")) ?? word.endIndex
      return Word(
        key: String(decoding: word[..<equals], as: UTF8.self),
        value: String(decoding: word[equals...].dropFirst(), as: UTF8.self))
    }
  }

  /// Every value of `key`, in order.
  public func values(_ key: String) -> [String] {
    words.filter { $0.key.utf8.elementsEqual(key.utf8) }.map { $0.value }
  }

  /// The hardware address of the network device `name`; nil where the arguments name none.
  public func hardwareAddress(ofNetwork name: String) -> MACAddress? {
    values("network.\(name).mac").last.flatMap { MACAddress($0) }
  }

  /// The addresses of the network device `name` of both families; nil where one of them is none.
  public func addresses(ofNetwork name: String) -> [InterfaceAddress]? {
    var addresses: [InterfaceAddress] = []
    for value in values("network.\(name).address") {
      guard let address = InterfaceAddress(value) else { return nil }
      addresses.append(address)
    }
    return addresses
  }

  /// The announced devices; words that are none are left out.
  public var devices: [MMIODevice] { values("virtio_mmio.device").compactMap { MMIODevice($0) } }
}

/// Where a virtio device's registers lie and which interrupt line it has.
public struct MMIODevice: Sendable, Equatable {
  public let base: UInt
  /// Bytes of the register window.
  public let size: UInt
  /// The global system interrupt number.
  public let line: UInt32

  /// Linux's form: `512@0xfeb00000:5`, `4K@0xd0000000:5` or with a fourth part, which is left out.
  public init?(_ text: String) {
    var parser = NumberParser(text)
    guard let size = parser.number(), parser.skip("@"), let base = parser.number(), parser.skip(":"),
      let line = parser.number().flatMap({ UInt32(exactly: $0) }), parser.isAtEnd || parser.skip(":"), size >= 0x100
    else { return nil }
    self.base = base
    self.size = size
    self.line = line
  }
}

/// Numbers as the kernel's `memparse` reads them: decimal or `0x`, with `K` or `M`.
private struct NumberParser {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = text[...].utf8 }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }

  mutating func number() -> UInt? {
    let radix: UInt = skipPrefix() ? 16 : 10
    var value: UInt = 0
    var digits = 0
    while let byte = rest.first, let digit = hexadecimalValue(of: byte), digit < radix {
      let (product, tooLarge) = value.multipliedReportingOverflow(by: radix)
      let (sum, overflow) = product.addingReportingOverflow(UInt(digit))
      guard !tooLarge, !overflow else { return nil }
      value = sum
      digits += 1
      rest = rest.dropFirst()
    }
    guard digits > 0 else { return nil }
    let shift = skip("K") ? 10 : skip("M") ? 20 : 0
    guard value.leadingZeroBitCount >= shift else { return nil }
    return value << UInt(shift)
  }

  private mutating func skipPrefix() -> Bool {
    guard rest.starts(with: "0x".utf8) else { return false }
    rest = rest.dropFirst(2)
    return true
  }
}
