/// One thing that is wrong (or worth a note) in a configuration: where, what, and what to do.
public struct Diagnostic: Sendable, Hashable, Codable {
  public var severity: Severity
  /// Name of the file as the configuration's folder has it; nil for values that were not in a file.
  public var file: String?
  /// From 1.
  public var line: Int?
  /// From 1, in Unicode scalars.
  public var column: Int?
  /// The key concerned, e.g. `network.home.address`; empty where the text could not be read that far.
  public var path: String
  /// What is wrong, as a clause.
  public var problem: String
  /// The value that was found, as it would stand in a file.
  public var found: String?
  /// What may stand there.
  public var expected: String?
  /// What to do.
  public var hint: String?

  public enum Severity: String, Sendable, Codable {
    /// The configuration cannot be used.
    case error
    /// It can, and somebody should know.
    case warning
  }

  public init(
    _ severity: Severity = .error, file: String? = nil, line: Int? = nil, column: Int? = nil, path: String,
    problem: String, found: String? = nil, expected: String? = nil, hint: String? = nil
  ) {
    self.severity = severity
    self.file = file
    self.line = line
    self.column = column
    self.path = path
    self.problem = problem
    self.found = found
    self.expected = expected
    self.hint = hint
  }
}

extension Diagnostic: CustomStringConvertible {
  /// `lares.toml:12:3: network.home.adress: unknown key; did you mean "address"?`
  public var description: String {
    var text = ""
    if let file {
      text += file
      if let line { text += ":\(line)" }
      if let column { text += ":\(column)" }
      text += ": "
    }
    if severity == .warning { text += "warning: " }
    if !path.isEmpty { text += "\(path): " }
    text += problem
    if let hint { text += "; \(hint)" }
    return text
  }
}

/// Why a configuration cannot be used, or an edit cannot be made.
public struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
  /// Everything found, files in the order of their inclusion, each in the order of its text. At least one.
  public let diagnostics: [Diagnostic]

  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

  /// One line per diagnostic.
  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
