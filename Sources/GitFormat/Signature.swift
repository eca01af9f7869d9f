/// Who did something, and when: `Ada <ada@home.arpa> 1763800000 +0100`.
///
/// Keeps the line as it was written, whatever is odd about it.
public struct Signature: Hashable, Sendable {
  /// The line without its key and end.
  public let bytes: [UInt8]

  /// What would break the line (`<`, `>`, control characters), and spaces around the name, are left out, as Git does.
  ///
  /// - Parameters:
  ///   - time: seconds since 1970, UTC. Git knows no earlier times; they count as 0.
  ///   - zone: minutes east of Greenwich, up to 99 hours.
  public init(name: String, email: String, time: Int64, zone: Int = 0) {
    func isKept(_ byte: UInt8) -> Bool {
      byte != UInt8(ascii: "<") && byte != UInt8(ascii: ">") && byte >= 0x20 && byte != 0x7F
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(name.utf8.count + email.utf8.count + 32)
    for byte in name.utf8 where isKept(byte) && !(bytes.isEmpty && byte == UInt8(ascii: " ")) { bytes.append(byte) }
    while bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
    // Git misses the space where there is no name.
    bytes.append(" <")
    for byte in email.utf8 where isKept(byte) { bytes.append(byte) }
    bytes.append("> ")
    bytes.append(decimal: UInt64(max(time, 0)))
    bytes.append(zone < 0 ? " -" : " +")
    let minutes = min(zone.magnitude, 99 * 60 + 59)
    bytes.append(decimal: minutes / 60 * 100 + minutes % 60, atLeast: 4)
    self.bytes = bytes
  }

  /// Takes a line as it is; nil where it has no address in angle brackets, or has an end of line in it.
  public init?(line: some Collection<UInt8>) {
    bytes = Array(line)
    guard !bytes.contains(UInt8(ascii: "\n")), address != nil else { return nil }
  }

  /// The name as UTF-8, with a replacement character for what is none.
  public var name: String {
    guard let address else { return "" }
    let name = bytes[..<(address.lowerBound - 1)]
    return String(decoding: name.last == UInt8(ascii: " ") ? name.dropLast() : name, as: UTF8.self)
  }

  public var email: String { address.map { String(decoding: bytes[$0], as: UTF8.self) } ?? "" }

  /// Seconds since 1970, UTC. What cannot be understood counts as 0, as in Git.
  public var time: Int64 { date.first.flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0 }

  /// Minutes east of Greenwich. What cannot be understood counts as 0.
  public var zone: Int {
    guard date.count > 1, let zone = Int(String(decoding: date[1], as: UTF8.self)), zone.magnitude <= 9_999 else {
      return 0
    }
    return zone / 100 * 60 + zone % 100
  }

  /// What is between the first angle brackets.
  private var address: Range<Int>? {
    guard let open = bytes.firstIndex(of: UInt8(ascii: "<")),
      let close = bytes[open...].firstIndex(of: UInt8(ascii: ">"))
    else { return nil }
    return (open + 1)..<close
  }

  /// The words after the last angle bracket.
  private var date: [ArraySlice<UInt8>] {
    guard let close = bytes.lastIndex(of: UInt8(ascii: ">")) else { return [] }
    return bytes[(close + 1)...].split(separator: UInt8(ascii: " "))
  }
}

extension Signature: CustomStringConvertible {
  public var description: String { String(decoding: bytes, as: UTF8.self) }
}
