// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The outcome table (protocol §5), and nothing else
/// @notice What three nodes said, in; what becomes of the task and of each of them, out. Pure: it can be read, and tested,
/// row by row.
library OutcomeTable {
    /// @notice What a node can say. 0 is a result with a score; the others are errors, with no score.
    uint8 internal constant RESULT = 0;
    uint8 internal constant INVALID_ARGUMENTS = 1;
    uint8 internal constant ARGUMENTS_UNAVAILABLE = 2;
    uint8 internal constant MODEL_UNAVAILABLE = 3;
    /// @notice Nothing was revealed in time.
    uint8 internal constant SILENT = 255;

    /// @notice What becomes of a node.
    enum Fate {
        Freed, // unpaid, unpunished
        Agreed, // in the majority: paid
        Silent, // penalised and paused
        Cheated // slashed
    }

    /// @notice The verdict on a task. Without `agreed`, the task is aborted with full refund.
    struct Verdict {
        bool agreed;
        uint8 outcome; // what was agreed; RESULT when the task succeeds
        Fate[3] fates;
    }

    /// @param outcomes What each of the three revealed, or SILENT.
    /// @param same01 Whether 0 and 1 revealed the same: equal outcomes and, for results, agreeing scores.
    /// Agreement of pictures is "near enough", which is not transitive: when one node agrees with both others, all three
    /// are taken to agree, because no score is then far from all others.
    function judge(uint8[3] memory outcomes, bool same01, bool same02, bool same12)
        internal
        pure
        returns (Verdict memory verdict)
    {
        bool[3] memory agrees = [same01 || same02, same01 || same12, same02 || same12];

        verdict.agreed = same01 || same02 || same12;
        if (verdict.agreed) verdict.outcome = outcomes[agrees[0] ? 0 : 1];

        for (uint256 i = 0; i < 3; ++i) {
            if (outcomes[i] == SILENT) verdict.fates[i] = Fate.Silent;
            else if (agrees[i]) verdict.fates[i] = Fate.Agreed;
            else if (verdict.agreed && isCheat(verdict.outcome, outcomes[i])) verdict.fates[i] = Fate.Cheated;
        }
    }

    /// @notice Whether to say `minority` against two who agree on `majority` is a lie rather than bad luck.
    /// Whether arguments are valid, and what comes out of them, is the same for everyone. Whether arguments or a model could
    /// be fetched depends on the network, so a difference there proves nothing.
    function isCheat(uint8 majority, uint8 minority) internal pure returns (bool) {
        if (majority == RESULT) return minority == RESULT || minority == INVALID_ARGUMENTS;
        if (majority == INVALID_ARGUMENTS) return minority == RESULT;
        return false;
    }
}
