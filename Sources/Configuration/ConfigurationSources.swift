import Household

/// One file of the configuration, read.
struct SourceFile: Sendable {
  /// As the configuration's folder has it.
  let name: String
  let document: TOMLDocument
}

/// The files of a configuration in the order of their inclusion, the main file first.
struct ConfigurationSources: Sendable {
  private(set) var files: [SourceFile] = []
  /// Files that could not be read, includes that do not exist.
  private(set) var diagnostics: [Diagnostic] = []

  /// Reads the main file and the ones that it includes.
  init(_ texts: [String: String], main: String) {
    guard let text = texts[main] else {
      diagnostics.append(
        Diagnostic(file: main, path: "", problem: "there is no such file", hint: "every configuration starts in it"))
      return
    }
    guard let document = read(main, text) else { return }
    var reader = ConfigurationReader(file: SourceFile(name: main, document: document), path: ["include"])
    for (name, offset) in Self.includes(in: document, &reader) {
      if name == main || files.contains(where: { $0.name == name }) {
        reader.report("\(TOMLValue.quoted(name)) is included already", at: offset, hint: nil)
      } else if let text = texts[name] {
        _ = read(name, text)
      } else {
        reader.report(
          "there is no file \(TOMLValue.quoted(name)) in the configuration's folder", at: offset, found: name, hint: nil
        )
      }
    }
    diagnostics += reader.diagnostics
  }

  private mutating func read(_ name: String, _ text: String) -> TOMLDocument? {
    do throws(TOMLErrors) {
      let document = try TOMLDocument(parsing: text)
      files.append(SourceFile(name: name, document: document))
      return document
    } catch {
      diagnostics += Self.diagnostics(of: error, in: name)
      return nil
    }
  }

  /// What is wrong with the text of a file. An error quotes what it finds, but not where a secret is expected: somebody may have written it there.
  static func diagnostics(of error: TOMLErrors, in file: String) -> [Diagnostic] {
    error.errors.map { error in
      var diagnostic = Diagnostic(
        file: file, line: error.line, column: error.column, path: "", problem: error.problem, hint: error.hint)
      if let secret = error.keys.first(where: HouseholdSchema.secretKeys.contains) {
        diagnostic.problem = "this is no value for the key \(TOMLValue.key(secret))"
        diagnostic.expected = SecretName.expected
        diagnostic.hint = SecretName.hint
      } else if error.keys.last == "push" {
        // An address without quotes may have a password in it.
        diagnostic.problem = "this is no value for the key push"
        diagnostic.hint = "write \(GitRemote.expected)"
      }
      return diagnostic
    }
  }

  /// The names that a document includes, with the places where they stand.
  static func includes(
    in document: TOMLDocument, _ reader: inout ConfigurationReader
  ) -> [(name: String, offset: Int)] {
    let names = ValueType<String>.fileName.list("file names")
    guard let node = document.root["include"], let values = names.read(node, &reader),
      case .array(let elements) = node.content
    else { return [] }
    return zip(values, elements).map { ($0, $1.range.lowerBound) }
  }

  /// The file in which a path stands, and the byte where its value begins (in an array of one, the one); where not all of the path is there, those of
  /// the part that is.
  func locate(_ path: ConfigurationPath) -> (file: SourceFile, offset: Int)? {
    var best: (depth: Int, file: SourceFile, offset: Int)?
    for file in files {
      let (depth, offset) = Self.follow(path, in: file.document)
      if best.map({ depth > $0.depth }) ?? true { best = (depth, file, offset) }
    }
    return best.map { ($0.file, $0.offset) }
  }

  private static func follow(_ path: ConfigurationPath, in document: TOMLDocument) -> (depth: Int, offset: Int) {
    var offset = 0
    var content = TOMLNode.Content.table(document.root)
    for (depth, element) in path.elements.enumerated() {
      let next: TOMLNode? =
        switch (element, content) {
        case (.key(let key), .table(let table)): table[key]
        case (.index(let index), .array(let elements)): elements.indices.contains(index) ? elements[index] : nil
        default: nil
        }
      guard let next else { return (depth, offset) }
      offset = next.range.lowerBound
      content = next.content
    }
    if case .array(let elements) = content, elements.count == 1 { offset = elements[0].range.lowerBound }
    return (path.elements.count, offset)
  }
}
