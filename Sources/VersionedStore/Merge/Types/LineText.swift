import GitFormat

/// Any bytes as one line of text that people can read: UTF-8 stands as it is; control characters, backslashes and what is
/// no UTF-8 are written `\n`, `\t`, `\r`, `\\` and `\x1b`.
enum LineText {
  static func append(_ bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
    let bytes = Array(bytes)
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "\\"): text += [byte, byte]
      case UInt8(ascii: "\n"): text += Array("\\n".utf8)
      case UInt8(ascii: "\t"): text += Array("\\t".utf8)
      case UInt8(ascii: "\r"): text += Array("\\r".utf8)
      case 0x20..<0x7F: text.append(byte)
      default:
        let length = scalarLength(bytes, at: index)
        if length > 1 {
          text += bytes[index..<index + length]
          index += length
          continue
        }
        text += Array("\\x".utf8) + [hexDigit(byte >> 4), hexDigit(byte & 15)]
      }
      index += 1
    }
  }

  static func encode(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    append(bytes, to: &text)
    return text
  }

  /// - Throws: where a backslash begins none of the above.
  static func decode(_ text: ArraySlice<UInt8>) throws(FormatError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "\\"): bytes.append(byte)
      case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "t"): bytes.append(UInt8(ascii: "\t"))
      case UInt8(ascii: "r"): bytes.append(UInt8(ascii: "\r"))
      case UInt8(ascii: "x"):
        guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
          fallthrough
        }
        bytes.append(high << 4 | low)
      default: throw FormatError("text", "a backslash is followed by none of n, t, r, x and two digits, or a backslash")
      }
    }
    return bytes
  }

  /// The lines of a file whose lines each end in a newline; the last one may lack it.
  static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  /// The two parts of a line around the first separator.
  static func halves(
    _ line: ArraySlice<UInt8>, at separator: Unicode.Scalar, of what: String
  ) throws(FormatError) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
    guard let place = line.firstIndex(of: UInt8(ascii: separator)) else {
      throw FormatError(what, "a line has no “\(separator == "\t" ? "tab" : String(separator))” in it")
    }
    return (line[..<place], line[(place + 1)...])
  }

  /// Reads a decimal number that is written in the one way that Swift writes it.
  static func number<Number: FixedWidthInteger>(
    _ text: ArraySlice<UInt8>, of what: String
  ) throws(FormatError) -> Number {
    guard let number = Number(String(decoding: text, as: UTF8.self)) else {
      throw FormatError(what, "“\(String(decoding: text.prefix(40), as: UTF8.self))” is no number in range")
    }
    return number
  }

  /// How many bytes the printable scalar at `index` has; 1 where there is none beyond ASCII.
  private static func scalarLength(_ bytes: [UInt8], at index: Int) -> Int {
    let length =
      switch bytes[index] {
      case 0xC2...0xDF: 2
      case 0xE0...0xEF: 3
      case 0xF0...0xF4: 4
      default: 1
      }
    guard length > 1, index + length <= bytes.count else { return 1 }
    let scalars = String(validating: bytes[index..<index + length], as: UTF8.self)?.unicodeScalars
    guard let scalar = scalars?.first, scalar.value > 0x9F, !(0x2028...0x2029).contains(scalar.value) else { return 1 }
    return length
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

extension [UInt8] {
  static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.lexicographicallyPrecedes(right) }
}
