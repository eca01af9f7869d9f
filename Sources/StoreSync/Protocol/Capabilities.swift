import GitFormat
import VersionedStore

/// What a side can do, or wants to be done: words with values (gitprotocol-capabilities).
struct Capabilities: Equatable {
  private(set) var words: [String] = []

  init(_ words: [String] = []) { self.words = words }

  /// Reads words between spaces.
  init(parsing text: some Sequence<UInt8>) {
    words = String(decoding: Array(text), as: UTF8.self).split(separator: " ").map(String.init)
  }

  /// Whether the word is there, with or without a value.
  func has(_ name: String) -> Bool { words.contains { $0 == name || $0.hasPrefix(name + "=") } }

  /// The first value of a word.
  func value(of name: String) -> String? { values(of: name).first }

  /// All values of a word.
  func values(of name: String) -> [String] {
    words.filter { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
  }

  /// The features of a command of version 2: `fetch=shallow filter`.
  func features(of command: String) -> Set<String> {
    Set(value(of: command)?.split(separator: " ").map(String.init) ?? [])
  }

  mutating func add(_ word: String) { words.append(word) }

  var text: String { words.joined(separator: " ") }

  /// The format of the identifiers that follow.
  ///
  /// - Throws: where the other side's is not ours, or is unknown.
  func checkFormat(_ ours: ObjectFormat) throws(StoreError) {
    let name = value(of: "object-format") ?? ObjectFormat.sha1.rawValue
    guard let theirs = ObjectFormat(rawValue: name) else {
      throw .malformed(FormatError("object format of the other side", "\(Text.readable(name.utf8)) is not known"))
    }
    guard theirs == ours else { throw .otherFormat(ours: ours, theirs: theirs) }
  }
}
