/// Bytes written as hexadecimal text, a field a line, with what it is behind `//`.
func golden(_ text: String) -> [UInt8] {
  text.split(separator: "\n").flatMap { line -> [UInt8] in
    var digits: [UInt8] = []
    for character in line.prefix(while: { $0 != "/" }) {
      if let digit = character.hexDigitValue { digits.append(UInt8(digit)) }
    }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
