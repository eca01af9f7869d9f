import Household
import Wire

/// What holds between the parts of a configuration: checks that no single value can fail alone.
struct Validation {
  let model: HouseholdModel
  let sources: ConfigurationSources
  /// Collections of which the model lacks a member, so that nothing may be said to be missing from them.
  let incomplete: Set<String>
  /// Collections with a table that lacks its name, so that no name may be said to be missing from them.
  let unnamed: Set<String>
  private var findingsSoFar: [Diagnostic] = []

  init(_ model: HouseholdModel, _ sources: ConfigurationSources, _ reader: ConfigurationReader) {
    self.model = model
    self.sources = sources
    incomplete = reader.incomplete.union(reader.unnamed)
    unnamed = reader.unnamed
  }

  /// Everything that is wrong or worth a note.
  func findings() -> [Diagnostic] {
    var checks = self
    checks.checkNames()
    checks.checkInterfaces()
    checks.checkUplinks()
    checks.checkNetworks()
    checks.checkOverlaps()
    checks.checkDevices()
    checks.checkForwards()
    checks.checkAllows()
    checks.checkServices()
    return checks.findingsSoFar
  }

  // MARK: For the checks

  /// Notes something about the value at a path.
  mutating func report(
    _ path: ConfigurationPath, _ problem: String, severity: Diagnostic.Severity = .error, found: String? = nil,
    expected: String? = nil, hint: String? = nil
  ) {
    let place = sources.locate(path)
    let position = place.map { $0.file.document.position(of: $0.offset) }
    findingsSoFar.append(
      Diagnostic(
        severity, file: place?.file.name, line: position?.line, column: position?.column,
        path: path.description, problem: problem, found: found, expected: expected, hint: hint))
  }

  /// The path of one value of a key that takes one or several.
  func path(_ base: ConfigurationPath, _ index: Int, of count: Int) -> ConfigurationPath {
    count == 1 ? base : base.appending(index: index)
  }

  /// Where a path stands, for errors that name a second place: `lares.toml:12`.
  func place(_ path: ConfigurationPath) -> String {
    guard let (file, offset) = sources.locate(path) else { return path.description }
    return "\(file.name):\(file.document.position(of: offset).line)"
  }

  /// Whether a name of one of these collections may be missing without a fault of who uses it.
  func isUncertain(_ collections: String...) -> Bool { !unnamed.isDisjoint(with: collections) }

  func isPresent(_ path: ConfigurationPath) -> Bool {
    sources.files.contains { $0.document.node(at: path.keys) != nil }
  }

  /// `did you mean "nas"?`, or which names there are.
  func suggestion(for name: String, among names: [String], kind: String) -> String {
    if let near = SchemaNode.nearest(to: name, among: names) { return "did you mean \"\(near)\"?" }
    if names.isEmpty { return "there is none yet: add one with [\(kind).\(TOMLValue.key(name))]" }
    return "known: \(names.prefix(8).joined(separator: ", "))\(names.count > 8 ? " …" : "")"
  }
}
