import Wire

/// Room in which names of a list are put on the wire, one after the other.
final class NameScratch {
  private let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)

  deinit { bytes.deallocate() }

  /// A name as lists write it, in lower case on the wire; nil where it is none. Valid until the next call.
  ///
  /// Takes letters, digits, hyphens and underscores in labels of 1 to 63, 255 octets in all, and a final dot.
  func encode(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var labelStart = 0
    var count = 1
    for byte in text {
      guard count < DomainName.maximumLength else { return nil }
      if byte == UInt8(ascii: ".") {
        guard close(labelStart, count) else { return nil }
        labelStart = count
      } else {
        guard isNameByte(byte) else { return nil }
        bytes[count] = lowercased(byte)
      }
      count += 1
    }
    if count - labelStart > 1 {
      guard count < DomainName.maximumLength, close(labelStart, count) else { return nil }
      labelStart = count
      count += 1
    }
    guard labelStart > 0 else { return nil }
    bytes[labelStart] = 0
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  /// Keeps a name that is on the wire already, at most 255 octets.
  func copy(_ name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let count = min(name.count, DomainName.maximumLength)
    UnsafeMutableRawBufferPointer(start: bytes, count: 256).copyMemory(from: name.part(0..<count))
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  /// Writes the length octet of the label that ends before `end`.
  private func close(_ labelStart: Int, _ end: Int) -> Bool {
    let length = end - labelStart - 1
    guard length >= 1, length <= 63 else { return false }
    bytes[labelStart] = UInt8(truncatingIfNeeded: length)
    return true
  }
}

/// Letters, digits, `-` and `_`: what names in lists are made of.
@inline(__always)
func isNameByte(_ byte: UInt8) -> Bool {
  lowercased(byte) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "-")
    || byte == UInt8(ascii: "_")
}

/// The words of a line, parted by spaces and tabs.
struct LineWords {
  private let line: UnsafeRawBufferPointer
  private var index = 0

  init(_ line: UnsafeRawBufferPointer) { self.line = line }

  mutating func next() -> UnsafeRawBufferPointer? {
    while index < line.count, isBlank(line[index]) { index += 1 }
    guard index < line.count else { return nil }
    let start = index
    while index < line.count, !isBlank(line[index]) { index += 1 }
    return line.part(start..<index)
  }
}

/// A space, a tab, or the carriage return of a DOS line end.
@inline(__always)
func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }

extension UnsafeRawBufferPointer {
  /// A part of the bytes, counted from 0 again. The range is the caller's to check.
  @inline(__always)
  func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }

  func dropping(_ count: Int) -> UnsafeRawBufferPointer { part(Swift.min(count, self.count)..<self.count) }

  /// Without blanks at both ends.
  var trimmed: UnsafeRawBufferPointer {
    var start = 0
    var end = count
    while start < end, isBlank(self[start]) { start += 1 }
    while end > start, isBlank(self[end - 1]) { end -= 1 }
    return part(start..<end)
  }

  func hasPrefix(_ prefix: StaticString) -> Bool {
    count >= prefix.utf8CodeUnitCount && matches(prefix, ignoringCase: false)
  }

  /// Equality with ASCII text, in any case.
  func equals(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount && matches(text, ignoringCase: true)
  }

  private func matches(_ text: StaticString, ignoringCase: Bool) -> Bool {
    text.withUTF8Buffer { expected in
      for index in expected.indices {
        let byte = ignoringCase ? lowercased(self[index]) : self[index]
        if byte != (ignoringCase ? lowercased(expected[index]) : expected[index]) { return false }
      }
      return true
    }
  }
}
