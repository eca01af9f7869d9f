/// Bytes that are not what they should be: an object, a pack, a name or a message that breaks its format's rules.
public struct FormatError: Error, Equatable, Sendable {
  /// What was read, as a phrase that reads before a colon: `commit object`, `pack entry at 1024`.
  public var what: String
  /// Why it is refused, as a phrase that reads after the colon: `its tree is not an identifier`.
  public var why: String

  public init(_ what: String, _ why: String) {
    self.what = what
    self.why = why
  }
}

extension FormatError: CustomStringConvertible {
  public var description: String { "\(what): \(why)" }
}
