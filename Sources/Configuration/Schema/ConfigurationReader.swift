/// Reads values of one file after the other and collects what is wrong with them.
struct ConfigurationReader {
  /// The file being read; nil for a value that stands in none.
  var file: SourceFile?
  var path = ConfigurationPath()
  private(set) var diagnostics: [Diagnostic] = []
  /// Tables of a collection that are not in the model because a required key is missing or wrong.
  var incomplete: Set<String> = []
  /// Collections with a table that lacks its name.
  var unnamed: Set<String> = []

  /// Does `body` one step deeper.
  mutating func within<Result>(
    _ element: ConfigurationPath.Element, _ body: (inout ConfigurationReader) -> Result
  ) -> Result {
    path.elements.append(element)
    defer { path.elements.removeLast() }
    return body(&self)
  }

  /// Notes something at a byte of the present file, about the present path.
  mutating func report(_ problem: String, at offset: Int, found: String? = nil, expected: String? = nil, hint: String?)
  {
    let position = file?.document.position(of: offset)
    diagnostics.append(
      Diagnostic(
        file: file?.name, line: position?.line, column: position?.column, path: path.description, problem: problem,
        found: found, expected: expected, hint: hint))
  }

  /// Notes that a value is not what may stand there.
  mutating func reportUnexpected(_ node: TOMLNode, expected: String, hint: String? = nil) {
    let found = node.shortDescription
    report(
      "found \(found), expected \(expected)", at: node.range.lowerBound, found: found, expected: expected, hint: hint)
  }

  mutating func append(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }
}

extension TOMLNode {
  /// The value as it would stand in a file, cut short; for collections their kind.
  var shortDescription: String {
    switch content {
    case .scalar(let value):
      let text = value.description
      return text.unicodeScalars.count <= 60 ? text : "\(String(text.unicodeScalars.prefix(57)))…"
    case .array, .arrayOfTables: return value.kindDescription
    case .table: return "a table"
    }
  }
}
