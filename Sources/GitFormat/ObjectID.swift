/// The name of an object: the hash of its header and bytes.
public struct ObjectID: Hashable, Sendable {
  public let format: ObjectFormat
  // The hash, 64 bits at a time, most significant byte first; what SHA-1 does not fill is zero.
  private let a, b, c, d: UInt64

  /// Takes the first `format.length` bytes.
  ///
  /// - Precondition: there are that many.
  public init(_ format: ObjectFormat, _ bytes: RawSpan) {
    self.format = format
    func word(_ offset: Int) -> UInt64 {
      UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    precondition(bytes.byteCount >= format.length)
    a = word(0)
    b = word(8)
    switch format {
    case .sha1:
      c = UInt64(UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 16, as: UInt32.self))) << 32
      d = 0
    case .sha256:
      c = word(16)
      d = word(24)
    }
  }

  /// A SHA-1 hash.
  init(_ hash: SHA1State) {
    self.init(
      .sha1,
      (
        UInt64(hash.a) << 32 | UInt64(hash.b), UInt64(hash.c) << 32 | UInt64(hash.d), UInt64(hash.e) << 32, 0
      ))
  }

  public init(_ format: ObjectFormat, _ bytes: [UInt8]) { self.init(format, bytes.span.bytes) }

  /// Reads hexadecimal digits of either case; nil unless there are exactly `format.digits` of them.
  public init?(_ format: ObjectFormat, hex: some Collection<UInt8>) {
    self.init(format, hex: Array(hex))
  }

  public init?(_ format: ObjectFormat, hex: [UInt8]) {
    guard let id = hex.withUnsafeBytes({ Self(format, hex: $0) }) else { return nil }
    self = id
  }

  public init?(_ format: ObjectFormat, hex: UnsafeRawBufferPointer) {
    guard hex.count == format.digits else { return nil }
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    for index in 0..<(format.digits + 15) / 16 {
      let digits = hex[(16 * index)..<min(16 * index + 16, hex.count)]
      guard let number = HexDigit.number(UnsafeRawBufferPointer(rebasing: digits)) else { return nil }
      let word = number << UInt64(64 - 4 * digits.count)
      switch index {
      case 0: words.0 = word
      case 1: words.1 = word
      case 2: words.2 = word
      default: words.3 = word
      }
    }
    self.init(format, words)
  }

  /// Reads hexadecimal digits of lower case only, as objects have them.
  init?(_ format: ObjectFormat, lowercase hex: UnsafeRawBufferPointer) {
    guard !hex.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "F")).contains($0) }) else { return nil }
    self.init(format, hex: hex)
  }

  public init?(_ format: ObjectFormat, hex: String) { self.init(format, hex: Array(hex.utf8)) }

  /// Reads hexadecimal digits, of the format that has so many: 40 or 64.
  public init?(hex: String) {
    guard let format = ObjectFormat.allCases.first(where: { $0.digits == hex.utf8.count }) else { return nil }
    self.init(format, hex: hex)
  }

  private init(_ format: ObjectFormat, _ words: (UInt64, UInt64, UInt64, UInt64)) {
    self.format = format
    (a, b, c, d) = words
  }

  /// The name of no object, which stands for "none" in the protocol and in reflogs.
  public static func zero(_ format: ObjectFormat) -> Self { Self(format, (0, 0, 0, 0)) }
  public var isZero: Bool { a | b | c | d == 0 }

  /// The hash's first 64 bits, for fan-out and search.
  public var prefix64: UInt64 { a }
  public var firstByte: UInt8 { UInt8(truncatingIfNeeded: a >> 56) }

  /// `format.length` bytes.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(format.length)
    append(to: &bytes)
    return bytes
  }

  /// Appends `format.length` bytes.
  public func append(to bytes: inout [UInt8]) {
    withUnsafeBytes(of: (a.bigEndian, b.bigEndian, c.bigEndian, d.bigEndian)) {
      bytes.append(contentsOf: $0[..<format.length])
    }
  }

  /// Appends `format.digits` hexadecimal digits in lower case.
  public func appendHex(to text: inout [UInt8]) {
    func digits(_ word: UInt64) -> (UInt64, UInt64) { (HexDigit.eight(word >> 32), HexDigit.eight(word & 0xffff_ffff)) }
    withUnsafeBytes(of: (digits(a), digits(b), digits(c), digits(d))) { text.append(contentsOf: $0[..<format.digits]) }
  }

  /// `format.digits` hexadecimal digits in lower case.
  public var hex: String {
    var text: [UInt8] = []
    text.reserveCapacity(format.digits)
    appendHex(to: &text)
    return String(decoding: text, as: UTF8.self)
  }
}

extension ObjectID: Comparable {
  /// The order of a pack's index: by bytes.
  public static func < (left: Self, right: Self) -> Bool {
    if left.a != right.a { return left.a < right.a }
    if left.b != right.b { return left.b < right.b }
    if left.c != right.c { return left.c < right.c }
    return left.d < right.d
  }

  public func hash(into hasher: inout Hasher) {
    // A hash's bits are as good as random already.
    hasher.combine(a)
  }
}

extension ObjectID: CustomStringConvertible {
  public var description: String { hex }
}

/// Hexadecimal digits as bytes of text.
enum HexDigit {
  static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// The eight digits of a number, in lower case, as they stand in memory.
  static func eight(_ number: UInt64) -> UInt64 {
    // Each four bits get a byte of their own.
    var digits = (number | number << 16) & 0x0000_ffff_0000_ffff
    digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff
    digits = (digits | digits << 4) & 0x0f0f_0f0f_0f0f_0f0f
    let ones: UInt64 = 0x0101_0101_0101_0101
    let isLetter = (digits &+ ones &* 6) >> 4 & ones
    return
      (digits &+ ones &* UInt64(UInt8(ascii: "0")) &+ isLetter &* UInt64(UInt8(ascii: "a") - 10 - UInt8(ascii: "0")))
      .bigEndian
  }

  /// Reads sixteen digits; nil where one of them is none.
  static func number(_ digits: UnsafeRawBufferPointer) -> UInt64? {
    var number: UInt64 = 0
    for digit in digits {
      guard let value = value(digit) else { return nil }
      number = number << 4 | UInt64(value)
    }
    return number
  }
}
