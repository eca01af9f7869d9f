import CCrypto
import GitFormat

/// A person whose name is to be taken out of a history.
public struct ForgottenPerson: Hashable, Sendable {
  public var name: String?
  public var email: String?

  /// Each of the two that is given is enough to be taken for the person. Addresses are compared without regard to case.
  public init(name: String? = nil, email: String? = nil) {
    self.name = name
    self.email = email
  }
}

/// Tells signatures of forgotten people, by digests: who reads a list of these learns no name that he does not know.
///
/// A digest of a name can still be found by trying names; it hides nothing from one who has a guess.
final class PeopleFilter {
  /// What stands for a person who was forgotten. `invalid` is nobody's domain (RFC 2606).
  static let neutral = Array("Somebody <somebody@forgotten.invalid>".utf8)
  private static let neutralAddress = Array("somebody@forgotten.invalid".utf8)
  static let digestLength = 32

  private let digests: Set<[UInt8]>
  /// Whether a signature up to its date is of one of them.
  private var known: [[UInt8]: Bool] = [:]
  private var knownAddresses: [[UInt8]: Bool] = [:]
  private static let mostKnown = 100_000

  init(_ digests: Set<[UInt8]>) { self.digests = digests }

  var isEmpty: Bool { digests.isEmpty }

  static func digests(of person: ForgottenPerson) -> Set<[UInt8]> {
    var digests: Set<[UInt8]> = []
    if let name = person.name, !name.isEmpty { digests.insert(digest("name", Array(name.utf8))) }
    if let email = person.email, !email.isEmpty { digests.insert(digest("address", lowercased(Array(email.utf8)))) }
    return digests
  }

  private static func digest(_ kind: String, _ bytes: [UInt8]) -> [UInt8] {
    let text = Array("lares forgotten \(kind)\0".utf8) + bytes
    var digest = [UInt8](repeating: 0, count: digestLength)
    SHA256(text, text.count, &digest)
    return digest
  }

  private static func lowercased(_ bytes: [UInt8]) -> [UInt8] {
    bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
  }

  // MARK: - Signatures

  /// The signature without the person, the time as it was; the same one where it is somebody else's.
  func neutral(_ signature: Signature) -> Signature {
    guard !digests.isEmpty, isForgotten(signature) else { return signature }
    let date = signature.bytes.lastIndex(of: UInt8(ascii: ">")).map { signature.bytes[($0 + 1)...] } ?? []
    return Signature(line: Self.neutral + date) ?? signature
  }

  private func isForgotten(_ signature: Signature) -> Bool {
    let person = signature.bytes.lastIndex(of: UInt8(ascii: ">")).map { Array(signature.bytes[...$0]) } ?? []
    if let answer = known[person] { return answer }
    let answer =
      digests.contains(Self.digest("name", Array(signature.name.utf8)))
      || isForgotten(address: Array(signature.email.utf8))
    if known.count >= Self.mostKnown { known = [:] }
    known[person] = answer
    return answer
  }

  private func isForgotten(address: [UInt8]) -> Bool {
    if let answer = knownAddresses[address] { return answer }
    let answer = digests.contains(Self.digest("address", Self.lowercased(address)))
    if knownAddresses.count >= Self.mostKnown { knownAddresses = [:] }
    knownAddresses[address] = answer
    return answer
  }

  // MARK: - Texts

  /// A text in which the addresses of forgotten people are replaced, with the name before one in angle brackets
  /// (`Co-authored-by: Ada <ada@home.arpa>`). Names that stand alone stay.
  func neutral(text: [UInt8]) -> [UInt8] {
    guard !digests.isEmpty, text.contains(UInt8(ascii: "@")) else { return text }
    var output: [UInt8] = []
    var copied = 0
    var position = 0
    while let at = text[position...].firstIndex(of: UInt8(ascii: "@")) {
      let start = text[copied..<at].lastIndex { !Self.isOfAddress($0) }.map { $0 + 1 } ?? copied
      let end = text[at...].firstIndex { !Self.isOfAddress($0) } ?? text.count
      position = end
      // A sentence may end behind an address.
      let address = text[start..<end].reversed().drop { $0 == UInt8(ascii: ".") }.reversed()
      guard isForgotten(address: Array(address)) else { continue }
      let isBracketed =
        start > copied && text[start - 1] == UInt8(ascii: "<") && end < text.count && text[end] == UInt8(ascii: ">")
      if isBracketed {
        output += text[copied..<Self.startOfName(text[copied..<start - 1])]
        output += Self.neutral
        copied = end + 1
      } else {
        output += text[copied..<start]
        output += Self.neutralAddress
        copied = start + address.count
      }
      position = max(position, copied)
    }
    return output + text[copied...]
  }

  /// Where the name begins that a text ends with: behind the last colon and space, or end of a line.
  private static func startOfName(_ text: ArraySlice<UInt8>) -> Int {
    let line = text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? text.startIndex
    let colon = text[line...].lastIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? line
    return text[colon...].firstIndex { $0 != UInt8(ascii: " ") } ?? text.endIndex
  }

  private static func isOfAddress(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
      true
    default: "@._%+-".utf8.contains(byte)
    }
  }
}
