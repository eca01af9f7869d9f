public import Household

/// The text of a configuration: lares.toml and the files that it includes, by name. Nothing is read from disk.
public struct ConfigurationText: Sendable, Equatable {
  /// The file in which every configuration starts.
  public static let mainFile = "lares.toml"

  /// Files by name relative to the configuration's folder.
  public var files: [String: String]
  /// The file that includes the others; another than `mainFile` only where somebody asks about a file of another name.
  public var main: String

  public init(files: [String: String], main: String = Self.mainFile) {
    self.files = files
    self.main = main
  }

  /// The text of a file's bytes. Bytes that are not UTF-8 are an error with their place, because replacing them would
  /// change the file with the next edit.
  public static func text(of bytes: [UInt8], file: String = Self.mainFile) throws(ConfigurationErrors) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    do throws(TOMLErrors) { return try TOMLDocument(parsing: bytes).text } catch {
      throw ConfigurationErrors(ConfigurationSources.diagnostics(of: error, in: file))
    }
  }

  /// What reading a configuration gives: its model where it has no errors, and everything noticed on the way.
  public struct Report: Sendable {
    /// Nil where there is an error.
    public let model: HouseholdModel?
    /// Errors and warnings, files in the order of their inclusion, each in the order of its text.
    public let diagnostics: [Diagnostic]

    public var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }
    public var warnings: [Diagnostic] { diagnostics.filter { $0.severity == .warning } }
  }

  /// The names of the files that the text of the main file includes, so that somebody can read them. What is wrong with
  /// them is said by `check()`.
  public static func includedFiles(of mainText: String) -> [String] {
    guard let document = try? TOMLDocument(parsing: mainText) else { return [] }
    var reader = ConfigurationReader()
    return ConfigurationSources.includes(in: document, &reader).map(\.name)
  }

  /// Reads and checks everything. Always returns; whatever the text, something is said about it.
  public func check() -> Report {
    let sources = ConfigurationSources(files, main: main)
    guard sources.diagnostics.isEmpty else { return Report(model: nil, diagnostics: sources.diagnostics) }
    if let refusal = sources.formatRefusal() { return Report(model: nil, diagnostics: [refusal]) }
    var decoder = ModelDecoder(sources)
    let model = decoder.decode()
    let found =
      decoder.reader.diagnostics + Validation(model, sources, decoder.reader).findings()
    let order = Dictionary(
      sources.files.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    let diagnostics = found.enumerated().sorted { a, b in
      let fileA = a.element.file.flatMap { order[$0] } ?? 0
      let fileB = b.element.file.flatMap { order[$0] } ?? 0
      return (fileA, a.element.line ?? 0, a.element.column ?? 0, a.offset)
        < (fileB, b.element.line ?? 0, b.element.column ?? 0, b.offset)
    }.map(\.element)
    let isUsable = !diagnostics.contains { $0.severity == .error }
    return Report(model: isUsable ? model : nil, diagnostics: diagnostics)
  }

  /// The model; throws all errors where there is one.
  public func parse() throws(ConfigurationErrors) -> HouseholdModel {
    let report = check()
    guard let model = report.model else { throw ConfigurationErrors(report.errors) }
    return model
  }

  /// The same configuration in the present version of the format, changed as little as that takes.
  public func migrated() throws(ConfigurationErrors) -> ConfigurationText {
    let sources = ConfigurationSources(files, main: main)
    if let refusal = sources.formatRefusal() { throw ConfigurationErrors([refusal]) }
    guard let main = sources.files.first(where: { $0.name == self.main }) else {
      throw ConfigurationErrors(sources.diagnostics)
    }
    do throws(TOMLEditor.EditError) {
      guard let document = try ConfigurationFormat.current.migrated(main.document) else { return self }
      var result = self
      result.files[self.main] = document.text
      return result
    } catch {
      throw ConfigurationErrors([error.diagnostic(path: ["format"], file: self.main)])
    }
  }
}

extension ConfigurationSources {
  /// What is wrong with the format version, if something is: a newer one is not guessed at.
  func formatRefusal(_ format: ConfigurationFormat = .current) -> Diagnostic? {
    guard let main = files.first, let node = main.document.root["format"] else { return nil }
    var reader = ConfigurationReader(file: main, path: ["format"])
    guard let version = format.version(of: main.document) else {
      reader.reportUnexpected(node, expected: "the version of the format, \(format.version)")
      return reader.diagnostics.first
    }
    guard version > format.version else { return nil }
    reader.report(
      "this file has format \(version), and this Lares reads formats up to \(format.version)",
      at: node.range.lowerBound, found: "\(version)", expected: "\(format.version)",
      hint: "update Lares, or go back to the configuration of before the update")
    return reader.diagnostics.first
  }
}

/// Reads the joined files into a model, as far as they allow.
struct ModelDecoder {
  private let sources: ConfigurationSources
  private(set) var reader = ConfigurationReader()

  init(_ sources: ConfigurationSources) { self.sources = sources }

  /// The model of what could be read. It is complete only where the reader noted nothing.
  mutating func decode() -> HouseholdModel {
    var model = HouseholdSchema.blank
    reportUnknownTables()
    for section in HouseholdSchema.sections {
      for (file, entry) in tables(of: section) {
        reader.file = file
        let keys = section.isCollection ? [section.key, entry.key] : [section.key]
        reader.path = ConfigurationPath(keys: keys)
        if !section.read(entry, &model, &reader) { reader.incomplete.insert(section.key) }
      }
    }
    HouseholdSchema.resolveEndpoints(in: &model, devices: sources.names(of: "device"))
    return model
  }

  private mutating func reportUnknownTables() {
    let known = HouseholdSchema.root.fields.map(\.key)
    for (index, file) in sources.files.enumerated() {
      reader.file = file
      for entry in file.document.root.entries {
        reader.path = ConfigurationPath(keys: [entry.key])
        if !known.contains(entry.key) {
          _ = reader.reportUnknownKey(entry, among: known)
        } else if index > 0, entry.key == "include" || entry.key == "format" {
          reader.report(
            "only \(sources.files[0].name) has this key", at: entry.keyRange.lowerBound, hint: "move it there")
        }
      }
    }
  }

  /// The tables of a section in all files. One that stands in two of them is noted and read once.
  private mutating func tables(of section: Section) -> [(SourceFile, TOMLTable.Entry)] {
    var found: [(file: SourceFile, entry: TOMLTable.Entry)] = []
    var places: [String: Int] = [:]
    for file in sources.files {
      guard let entry = file.document.root.entry(section.key) else { continue }
      reader.file = file
      reader.path = ConfigurationPath(keys: [section.key])
      for candidate in section.isCollection ? members(of: section, in: entry) : [entry] {
        guard let earlier = places[candidate.key] else {
          places[candidate.key] = found.count
          found.append((file, candidate))
          continue
        }
        let first = found[earlier]
        let position = first.file.document.position(of: first.entry.keyRange.lowerBound)
        let name = section.isCollection ? "\(section.key).\(TOMLValue.key(candidate.key))" : section.key
        reader.report(
          "[\(name)] stands here and in \(first.file.name):\(position.line):\(position.column)",
          at: candidate.keyRange.lowerBound, hint: "keep one of the two")
      }
    }
    return found
  }

  private mutating func members(of section: Section, in entry: TOMLTable.Entry) -> [TOMLTable.Entry] {
    guard let table = entry.node.table else {
      reader.reportUnexpected(entry.node, expected: "tables [\(section.key).NAME]")
      return []
    }
    if let stray = table.entries.first(where: { !section.isMember($0) }) {
      reader.unnamed.insert(section.key)
      reader.within(.key(stray.key)) { reader in
        reader.report(
          "this key stands in a \(section.key) without a name", at: stray.keyRange.lowerBound, found: stray.key,
          hint: "give it one: [\(section.key).NAME]")
      }
    }
    return table.entries.filter(section.isMember)
  }
}

extension Section {
  /// Whether an entry of a collection is a table with a name, and not a key that stands outside of one.
  func isMember(_ entry: TOMLTable.Entry) -> Bool {
    guard let table = entry.node.table else { return false }
    return !table.isInline || !fields.contains { $0.key == entry.key }
  }
}

extension ConfigurationSources {
  /// The names in a collection, those included whose tables could not be read.
  func names(of collection: String) -> Set<String> {
    guard let section = HouseholdSchema.sections.first(where: { $0.key == collection }) else { return [] }
    return Set(
      files.flatMap { $0.document.root[collection]?.table?.entries.filter(section.isMember).map(\.key) ?? [] })
  }
}

extension TOMLEditor.EditError {
  /// The same for people.
  func diagnostic(path: ConfigurationPath, file: String?) -> Diagnostic {
    let (problem, hint): (String, String?) =
      switch self {
      case .emptyPath: ("the name of a key is missing", "for example network.home.address")
      case .notFound: ("there is nothing of this name in the configuration", nil)
      case .notATable(let keys): ("\(TOMLValue.keyPath(keys)) is a value and has no keys", nil)
      case .isTable: ("this is a table, and the value is none", "set its keys one by one")
      case .isArrayOfTables(let keys):
        ("\(TOMLValue.keyPath(keys)) is an array of tables", "change it in the file")
      case .wouldBreak(let errors):
        ("the file would not be readable any more: \(errors.errors.first?.problem ?? "")", nil)
      }
    return Diagnostic(file: file, path: path.description, problem: problem, hint: hint)
  }
}
