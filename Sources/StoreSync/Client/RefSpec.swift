public import GitFormat
public import VersionedStore

/// Which references of one side become which of the other (git-fetch, "CONFIGURED REMOTE-TRACKING BRANCHES"):
/// `+refs/heads/*:refs/remotes/origin/*`.
public struct RefSpec: Equatable, Sendable {
  /// A full name, or one with a star.
  public var source: String
  /// nil: nothing is named; the objects only come.
  public var destination: String?
  /// Whether a reference may be moved to what does not come from what it has.
  public var isForced: Bool

  /// - Throws: where a side is no name of a reference, or only one has a star.
  public init(_ text: String) throws(StoreError) {
    isForced = text.hasPrefix("+")
    let parts = text.dropFirst(isForced ? 1 : 0).split(separator: ":", omittingEmptySubsequences: false).map(
      String.init)
    guard parts.count <= 2, Self.isPattern(parts[0]) else {
      throw .invalid("\(Text.readable(text.utf8)) is no refspec")
    }
    source = parts[0]
    destination = parts.count == 2 && !parts[1].isEmpty ? parts[1] : nil
    guard let destination else { return }
    guard Self.isPattern(destination), destination.contains("*") == source.contains("*") else {
      throw .invalid("\(Text.readable(text.utf8)) is no refspec: both sides have a star, or none")
    }
  }

  private static func isPattern(_ text: String) -> Bool {
    text.count { $0 == "*" } <= 1 && RefName(text.replacing("*", with: "x")) != nil
  }

  /// What a reference becomes; nil where this is not about it, or names nothing.
  public func destination(for name: RefName) -> RefName? {
    guard let destination, let middle = Self.middle(of: name.text, in: source) else { return nil }
    return RefName(destination.replacing("*", with: middle))
  }

  /// Whether this is about a reference of the source.
  public func matches(_ name: RefName) -> Bool { Self.middle(of: name.text, in: source) != nil }

  /// The source's reference that a reference of the destination would come from.
  func source(for name: RefName) -> RefName? {
    guard let destination, let middle = Self.middle(of: name.text, in: destination) else { return nil }
    return RefName(source.replacing("*", with: middle))
  }

  /// What all references of the source begin with that this is about.
  var sourcePrefix: String { String(source.prefix { $0 != "*" }) }
  var destinationPrefix: String? { destination.map { String($0.prefix { $0 != "*" }) } }

  /// What stands for the star.
  private static func middle(of name: String, in pattern: String) -> String? {
    guard let star = pattern.firstIndex(of: "*") else { return name == pattern ? "" : nil }
    let (before, after) = (pattern[..<star], pattern[pattern.index(after: star)...])
    guard name.hasPrefix(before), name.hasSuffix(after), name.utf8.count > before.utf8.count + after.utf8.count else {
      return nil
    }
    return String(name.dropFirst(before.count).dropLast(after.count))
  }
}
