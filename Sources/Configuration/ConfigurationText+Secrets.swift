import Household

extension ConfigurationText {
  /// The places where a secret itself seems to stand instead of its name. For files that may be kept for ever: it finds
  /// them also in a text that breaks TOML's rules.
  public var plainSecrets: [Diagnostic] {
    let sources = ConfigurationSources(files, main: main)
    guard !sources.diagnostics.isEmpty else {
      return check().diagnostics.filter { $0.expected == SecretName.expected }
    }
    return files.sorted { $0.key < $1.key }.flatMap { name, text in
      text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
        Self.plainSecret(in: line, file: name, number: index + 1)
      }
    }
  }

  private static func plainSecret(in line: Substring, file: String, number: Int) -> Diagnostic? {
    guard let equals = line.firstIndex(of: "=") else { return nil }
    let key = line[..<equals].split { $0.isWhitespace || $0 == "." || $0 == "\"" || $0 == "'" || $0 == "{" }.last
    let value = line[line.index(after: equals)...].drop(while: \.isWhitespace)
    guard let key, !value.isEmpty, value.first != "{" else { return nil }
    let isAddress = key == "push" && GitRemote.hasPassword(value.filter { $0 != "\"" && $0 != "'" })
    guard isAddress || HouseholdSchema.secretKeys.contains(String(key)) else { return nil }
    return Diagnostic(
      file: file, line: number, column: 1, path: String(key), problem: "a secret does not stand in the configuration",
      expected: SecretName.expected, hint: SecretName.hint)
  }
}
