/// The version of the format that `format = N` names, and how older files become newer ones.
struct ConfigurationFormat: Sendable {
  /// The version that this Lares reads.
  let version: Int
  /// Each turns the main file of one version into the next one's; the key is the version that it starts from.
  let migrations: [Int: @Sendable (inout TOMLEditor) throws(TOMLEditor.EditError) -> Void]

  /// Version 1 is the first, so nothing migrates to it.
  static let current = ConfigurationFormat(version: 1, migrations: [:])

  /// The version that a document says it has; a document without the key has the first. Nil where the key is no version.
  func version(of document: TOMLDocument) -> Int? {
    guard let node = document.root["format"] else { return 1 }
    guard case .scalar(.integer(let number)) = node.content, number >= 1 else { return nil }
    return Int(exactly: number)
  }

  /// The document in this version, changed as little as that takes; nil where it is of this version already.
  func migrated(_ document: TOMLDocument) throws(TOMLEditor.EditError) -> TOMLDocument? {
    guard let first = version(of: document), first < version else { return nil }
    var editor = TOMLEditor(document)
    for step in first..<version { try migrations[step]?(&editor) }
    try editor.set(["format"], to: .integer(Int64(version)))
    return editor.document
  }
}
