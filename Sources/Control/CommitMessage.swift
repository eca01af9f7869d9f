import GitFormat

/// A commit's reason and the commit that it undoes, as a Git message: the reason, and a trailer line `Undoes: <id>`
/// (git-interpret-trailers) among those that it may have already.
struct CommitMessage: Equatable {
  var reason: String
  var undoes: ObjectID?

  init(reason: String, undoes: ObjectID? = nil) {
    self.reason = reason
    self.undoes = undoes
  }

  private static let key = "Undoes: "

  /// Reads a message, whoever wrote it.
  init(parsing text: String) {
    var paragraphs = Self.paragraphs(text)
    if let last = paragraphs.last {
      let lines = last.filter { Self.undone($0) == nil }
      undoes = last.lazy.compactMap(Self.undone).last
      paragraphs[paragraphs.count - 1] = lines
      if lines.isEmpty { paragraphs.removeLast() }
    }
    reason = paragraphs.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  /// As it stands in the commit.
  var text: String {
    var paragraphs = Self.paragraphs(reason)
    if let undoes {
      let line = Substring(Self.key + undoes.hex)
      if paragraphs.count > 1, paragraphs[paragraphs.count - 1].allSatisfy(Self.isTrailer) {
        paragraphs[paragraphs.count - 1].append(line)
      } else {
        paragraphs.append([line])
      }
    }
    let text = paragraphs.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
    return text.isEmpty ? "" : text + "\n"
  }

  private static func paragraphs(_ text: String) -> [[Substring]] {
    text.split(separator: "\n", omittingEmptySubsequences: false).split { $0.allSatisfy(\.isWhitespace) }.map(
      Array.init)
  }

  private static func undone(_ line: Substring) -> ObjectID? {
    line.hasPrefix(key) ? ObjectID(hex: String(line.dropFirst(key.count))) : nil
  }

  private static func isTrailer(_ line: Substring) -> Bool {
    guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { return false }
    return line[..<colon].allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
  }
}
