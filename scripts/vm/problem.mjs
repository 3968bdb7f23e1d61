// The one error of the rig: something the machine lacks, with its remedy. Exit status 4 as everywhere in the project.

/** What this machine lacks, in one sentence, and what to do about it in another. */
export class RigProblem extends Error {
  /**
   * @param {string} message one sentence, without its full stop
   * @param {string} remedy one sentence
   */
  constructor(message, remedy) {
    super(`${message}. ${remedy}`);
    this.remedy = remedy;
  }
}
