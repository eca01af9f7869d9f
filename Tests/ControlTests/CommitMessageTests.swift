import GitFormat
import Testing

@testable import Control

@Suite struct CommitMessageTests {
  private static let id = ObjectID(hex: String(repeating: "a1", count: 20))!

  @Test(arguments: ["", "one line", "a line\n\nand more\nof it", "a line\n\nSigned-off-by: Ada <ada@home.arpa>"])
  func comesBackAsItWas(reason: String) {
    for undoes in [nil, Self.id] {
      let message = CommitMessage(reason: reason, undoes: undoes)
      #expect(CommitMessage(parsing: message.text) == message, "\(message.text)")
    }
  }

  @Test func theTrailerStandsAmongOthers() {
    let message = CommitMessage(reason: "why\n\nSigned-off-by: Ada", undoes: Self.id)
    #expect(message.text == "why\n\nSigned-off-by: Ada\nUndoes: \(Self.id)\n")
    #expect(CommitMessage(reason: "why", undoes: Self.id).text == "why\n\nUndoes: \(Self.id)\n")
    #expect(CommitMessage(reason: "", undoes: nil).text == "")
  }

  @Test func whatIsNoNameUndoesNothing() {
    #expect(CommitMessage(parsing: "x\n\nUndoes: everything\n") == CommitMessage(reason: "x\n\nUndoes: everything"))
    let elsewhere = "x\n\nUndoes: \(Self.id)\n\nand so on\n"
    #expect(CommitMessage(parsing: elsewhere).undoes == nil, "trailers stand at the end")
  }
}
