import Configuration

extension FuzzTarget {
  /// lares.toml: every byte is kept, every mistake has a place, an edit changes what it names.
  static let toml = FuzzTarget("toml") { bytes in
    do {
      try checkDocument(try TOMLDocument(parsing: bytes), bytes)
    } catch let errors as TOMLErrors {
      try promise(!errors.errors.isEmpty, "refused without an error")
      for error in errors.errors {
        try promise(
          error.line >= 1 && error.column >= 1 && (0...bytes.count).contains(error.offset), "no place: \(error)")
      }
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let report = ConfigurationText(files: [ConfigurationText.mainFile: text]).check()
    try promise((report.model == nil) == !report.errors.isEmpty, "a model is there exactly without errors")
    for diagnostic in report.diagnostics {
      try promise(
        diagnostic.line ?? 0 >= 1 && diagnostic.column ?? 0 >= 1 && !diagnostic.problem.isEmpty,
        "no place or no problem: \(diagnostic)")
    }
  }

  private static func checkDocument(_ document: TOMLDocument, _ bytes: [UInt8]) throws {
    try promise(document.render() == bytes, "the document is rendered with other bytes")
    var editor = TOMLEditor(document)
    let path = ["zz", "new"]
    guard (try? editor.set(path, to: .integer(7))) != nil else { return }
    try promise(editor.document.node(at: path)?.value == .integer(7), "a value that was set is not there")
    let again = try TOMLDocument(parsing: editor.document.bytes)
    try promise(again.node(at: path)?.value == .integer(7), "a value that was set is not there when read again")
    let kept = document.node(at: path) == nil && document.node(at: ["zz"]) == nil
    guard kept, (try? editor.remove(path)) != nil else { return }
    try promise(editor.document.node(at: path) == nil, "a value that was removed is there")
  }
}
