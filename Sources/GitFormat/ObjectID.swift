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
    guard hex.count == format.digits else { return nil }
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    for (index, digit) in hex.enumerated() {
      guard let value = HexDigit.value(digit) else { return nil }
      let shifted = UInt64(value) << UInt64(60 - index % 16 * 4)
      switch index / 16 {
      case 0: words.0 |= shifted
      case 1: words.1 |= shifted
      case 2: words.2 |= shifted
      default: words.3 |= shifted
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
    let a = HexDigit.sixteen(a), b = HexDigit.sixteen(b), c = HexDigit.sixteen(c), d = HexDigit.sixteen(d)
    withUnsafeBytes(of: (a, b, c, d)) { text.append(contentsOf: $0[..<format.digits]) }
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

  /// The sixteen digits of a number, in lower case, as they stand in memory.
  static func sixteen(_ number: UInt64) -> SIMD16<UInt8> {
    let bytes = unsafeBitCast(number.bigEndian, to: SIMD8<UInt8>.self)
    var digits = SIMD16<UInt8>()
    digits.evenHalf = bytes &>> 4
    digits.oddHalf = bytes & 15
    let letters = SIMD16<UInt8>(repeating: UInt8(ascii: "a") - 10)
    return digits &+ letters.replacing(with: UInt8(ascii: "0"), where: digits .< 10)
  }
}
