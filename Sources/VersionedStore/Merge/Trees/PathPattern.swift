public import GitFormat

/// A pattern for paths, in the words of gitattributes(5) and gitignore(5): `*.json`, `/lares.toml`, `people/**/notes/*`.
///
/// Without a slash it is about the last name, anywhere; with one, about the path from the root. `*` and `?` stand for no
/// slash, `**` for any number of names, `[a-z]` and `[!a-z]` for one byte.
public struct PathPattern: Hashable, Sendable {
  public let text: String
  private let parts: [[UInt8]]
  private let isAnywhere: Bool

  public init(_ text: String) {
    self.text = text
    let names = text.utf8.split(separator: UInt8(ascii: "/")).map { Array($0) }
    isAnywhere = names.count == 1 && !text.utf8.contains(UInt8(ascii: "/"))
    parts = names
  }

  public func matches(_ path: Path) -> Bool {
    if isAnywhere { return path.last.map { Self.matches(parts[0], $0.bytes) } ?? false }
    // reachable[i]: the first i parts match the names so far.
    var reachable = [Bool](repeating: false, count: parts.count + 1)
    reachable[0] = true
    skipDoubleStars(&reachable)
    for name in path.names {
      var next = [Bool](repeating: false, count: parts.count + 1)
      for (index, part) in parts.enumerated() where reachable[index] {
        if Self.isDoubleStar(part) {
          (next[index], next[index + 1]) = (true, true)
        } else if Self.matches(part, name.bytes) {
          next[index + 1] = true
        }
      }
      skipDoubleStars(&next)
      reachable = next
    }
    return !path.isRoot && reachable[parts.count]
  }

  /// A double star stands for no name, too, except at the end of a pattern.
  private func skipDoubleStars(_ reachable: inout [Bool]) {
    for (index, part) in parts.enumerated() where reachable[index] && Self.isDoubleStar(part) {
      if index + 1 < parts.count { reachable[index + 1] = true }
    }
  }

  private static func isDoubleStar(_ part: [UInt8]) -> Bool { part.elementsEqual("**".utf8) }

  /// One name: a star that fails is given one byte more, and only the last star, so that this takes time in the product of
  /// the lengths.
  static func matches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
    var (p, n) = (0, 0)
    var star: (pattern: Int, name: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, n)
        p += 1
      } else if let length = matchOne(pattern[p...], name[n]) {
        (p, n) = (p + length, n + 1)
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        (p, n) = (last.pattern + 1, last.name + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// How long the part of the pattern is that stands for this byte; nil where it stands for another.
  private static func matchOne(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> Int? {
    switch pattern.first {
    case nil: return nil
    case UInt8(ascii: "?"): return 1
    case UInt8(ascii: "\\") where pattern.count > 1: return pattern[pattern.startIndex + 1] == byte ? 2 : nil
    case UInt8(ascii: "["): return matchClass(pattern, byte)
    case let literal: return literal == byte ? 1 : nil
    }
  }

  private static func matchClass(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> Int? {
    // A bracket that closes at once is a member of the class.
    guard let end = pattern.dropFirst(2).firstIndex(of: UInt8(ascii: "]")) else { return nil }
    var members = pattern[(pattern.startIndex + 1)..<end]
    let isInverted = members.first == UInt8(ascii: "!") || members.first == UInt8(ascii: "^")
    if isInverted { members.removeFirst() }
    var isMember = false
    while let first = members.popFirst() {
      if members.count > 1, members.first == UInt8(ascii: "-") {
        let last = members[members.startIndex + 1]
        members.removeFirst(2)
        isMember = isMember || (first <= last && (first...last).contains(byte))
      } else {
        isMember = isMember || first == byte
      }
    }
    return isMember != isInverted ? end - pattern.startIndex + 1 : nil
  }
}

extension PathPattern: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) { self.init(text) }
}
