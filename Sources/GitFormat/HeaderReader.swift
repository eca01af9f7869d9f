import Glibc

/// Reads what commits and tags begin with: lines of a key, a space and a value, up to an empty line or the end.
struct HeaderReader {
  private let bytes: UnsafeRawBufferPointer
  /// Where the next line begins.
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The bytes from here to the end.
  var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[position...]) }

  /// Whether all lines were read.
  var isAtEnd: Bool { position == bytes.count || bytes[position] == UInt8(ascii: "\n") }

  /// The next line without its end; nil where the rest has no end of a line.
  mutating func line() -> UnsafeRawBufferPointer? {
    guard let end = rest.offset(of: UInt8(ascii: "\n")) else { return nil }
    defer { position += end + 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + end)])
  }

  /// The value of the next line, if that line has this key.
  mutating func value(of key: StaticString) -> UnsafeRawBufferPointer? {
    guard rest.hasPrefix(key), rest.count > key.utf8CodeUnitCount,
      rest[key.utf8CodeUnitCount] == UInt8(ascii: " "), let line = line()
    else { return nil }
    return UnsafeRawBufferPointer(rebasing: line[(key.utf8CodeUnitCount + 1)...])
  }

  /// Reads the lines that are left, the empty line after them, and the message.
  mutating func remainder(of what: String) throws(FormatError) -> HeaderRemainder {
    let start = position
    while !isAtEnd {
      guard line() != nil else { throw FormatError(what, "a header line has no end") }
    }
    let lines = bytes[start..<position].dropLast()
    return HeaderRemainder(
      lines: Array(lines), message: Array(bytes[position...].dropFirst()), hasEmptyLine: position < bytes.count)
  }
}

/// What follows the lines of a commit or a tag that have a meaning here.
struct HeaderRemainder {
  /// Without the last one's end.
  var lines: [UInt8]
  var message: [UInt8]
  /// Whether there is an empty line, after which the message stands.
  var hasEmptyLine: Bool

  /// Appends all of it to headers whose last line has no end yet.
  func append(to bytes: inout [UInt8]) {
    if !lines.isEmpty {
      bytes.append(UInt8(ascii: "\n"))
      bytes.append(contentsOf: lines)
    }
    bytes.append(UInt8(ascii: "\n"))
    if hasEmptyLine {
      bytes.append(UInt8(ascii: "\n"))
      bytes.append(contentsOf: message)
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Where a byte stands first.
  func offset(of byte: UInt8) -> Int? {
    guard let baseAddress, let place = memchr(baseAddress, Int32(byte), count) else { return nil }
    return UnsafeRawPointer(place) - baseAddress
  }

  func contains(_ byte: UInt8) -> Bool { offset(of: byte) != nil }

  func hasPrefix(_ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard count >= length, let baseAddress else { return false }
    return memcmp(baseAddress, text.utf8Start, length) == 0
  }

  /// Whether the bytes are the same.
  static func ~= (text: StaticString, bytes: Self) -> Bool {
    bytes.count == text.utf8CodeUnitCount && bytes.hasPrefix(text)
  }

  /// Compares by bytes; of two where one begins with the other the shorter comes first.
  func compared(to other: Self) -> Int {
    if let baseAddress, let start = other.baseAddress {
      let order = memcmp(baseAddress, start, Swift.min(count, other.count))
      if order != 0 { return Int(order) }
    }
    return count - other.count
  }
}

extension [UInt8] {
  mutating func append(_ text: StaticString) { text.withUTF8Buffer { append(contentsOf: $0) } }

  /// Appends a number that is not negative in decimal digits.
  mutating func append(decimal number: some UnsignedInteger & FixedWidthInteger, atLeast digits: Int = 1) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 40) { text in
      var (start, rest) = (text.count, number)
      repeat {
        start -= 1
        text[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0 || text.count - start < digits
      append(contentsOf: text[start...])
    }
  }
}
