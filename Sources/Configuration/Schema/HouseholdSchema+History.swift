import Household

// Where the history goes besides the router.
extension HouseholdSchema {
  private static let blankHistory = HistorySettings(push: "")

  static let history = Section.optionalTable(
    "history", \.history, blank: blankHistory,
    TableSchema(fields: [
      Field(
        "push", \.push, .gitRemote, required: true, blank: blankHistory, example: "\"ssh://git@host/path.git\"",
        "The Git repository whose branch `main` follows the history: by SSH, https or a path."),
      Field(
        "user", \.user, .plainText, blank: blankHistory, example: "\"alice\"",
        "Who the password is of, at an https remote."),
      Field(
        "password", \.password, ValueType<SecretName>.secret.optional(), blank: blankHistory,
        example: "{ secret = \"git\" }",
        "The secret with the password or token for an https remote. SSH goes by keys."),
    ]),
    """
    Every commit that stays is pushed to a Git repository elsewhere, in the background and without force. `lares status` says \
    how far that is. An SSH server's host key is taken at the first contact and has to stay the same.
    """)
}

extension ValueType where Value == String {
  /// The address of a Git repository. What is wrong with one is said without repeating it: it may have a password in it.
  static let gitRemote = ValueType(
    "Git remote", expected: GitRemote.expected, form: .text,
    read: { node, reader in
      guard case .scalar(.string(let text)) = node.content else {
        reader.report(
          "found something else than an address, expected \(GitRemote.expected)", at: node.range.lowerBound,
          expected: GitRemote.expected, hint: nil)
        return nil
      }
      guard let fault = GitRemote.fault(in: text) else { return text }
      reader.report(fault.problem, at: node.range.lowerBound, expected: fault.expected, hint: fault.hint)
      return nil
    },
    write: { .string($0) })
}

/// What may stand as the address of a Git repository.
enum GitRemote {
  static let expected = "\"https://…\", \"ssh://user@host/path\", \"user@host:path\" or a path from the root"

  struct Fault: Equatable {
    var problem: String
    var expected = GitRemote.expected
    var hint: String? = "use \(GitRemote.expected)"
  }

  /// Whether somebody has written a password into an address: `https://alice:password@host/path`. It may itself have
  /// characters that end an authority.
  static func hasPassword(_ text: String) -> Bool {
    guard !text.hasPrefix("/"), !text.hasPrefix("file://") else { return false }
    guard let scheme = text.firstRange(of: "://") else {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      return parts.count == 2 && !parts[0].contains("/") && parts[1].contains("@")
    }
    let rest = text[scheme.upperBound...]
    let at = Self.authority(rest).lastIndex(of: "@") ?? rest.lastIndex(of: "@")
    return at.map { rest[..<$0].contains(":") } ?? false
  }

  private static func authority(_ rest: Substring) -> Substring { rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" } }

  /// What is wrong with an address; nil: nothing.
  static func fault(in text: String) -> Fault? {
    guard !hasPassword(text) else { return secretFault }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }), text.utf8.count <= 1_000 else {
      return Fault(problem: "an address has no spaces or control characters, and at most 1000 bytes")
    }
    if text.hasPrefix("/") { return nil }
    guard let scheme = text.firstRange(of: "://") else { return shortFault(in: text) }
    let rest = text[scheme.upperBound...]
    let authority = Self.authority(rest)
    switch text[..<scheme.lowerBound] {
    case "file": return rest.hasPrefix("/") ? nil : Fault(problem: "a path after file:// begins with a slash")
    case "https" where authority.contains("@"):
      return Fault(problem: "a name does not stand in an https address", hint: "write it as user = \"NAME\"")
    case "https", "ssh":
      guard isHost(authority), rest.count > authority.count + 1 else {
        return Fault(problem: "the address needs a host and a path")
      }
      return nil
    case "http":
      return Fault(problem: "http can be read and changed by everybody on the way", hint: "use https:// or ssh://")
    default: return Fault(problem: "repositories are reached by https, SSH or a path")
    }
  }

  private static let secretFault = Fault(
    problem: "a password does not stand in an address", expected: SecretName.expected,
    hint: "write user = \"NAME\" and password = \(SecretName.expected) beside it, and store the value with: "
      + "lares secret set NAME")

  /// `user@host:path`
  private static func shortFault(in text: String) -> Fault? {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].contains("/"), isHost(parts[0]), !parts[1].isEmpty, !parts[1].hasPrefix(":"),
      !parts[1].hasPrefix("-")
    else { return Fault(problem: "this is no address of a repository") }
    return nil
  }

  /// `host`, `user@host`, `host:22`: nothing that `ssh` would take for an option.
  private static func isHost(_ authority: Substring) -> Bool {
    authority.split(separator: "@", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && !$0.hasPrefix("-") }
  }
}
