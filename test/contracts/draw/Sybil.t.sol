// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Drawing} from "./Drawing.sol";

/// @notice Security row 13: an operator whose nodes joined one after another meets itself in a task no more often than
/// chance has it: P(2 or 3 of 3) = 3f² − 2f³ for a share f of many nodes.
contract SybilTest is Drawing {
    function test_TenthsAndThirdsThatJoinedTogether() external {
        uint256 members = draws(1_200, 3_000);
        uint256 total = draws(4_000, 300_000);
        addNodes(members);
        vm.pauseGasMetering();
        uint256[10] memory tenths;
        uint256[3] memory thirds;
        uint256[10] memory strangers; // also tenths, but each of nodes that joined far apart
        for (uint256 seed = 0; seed < total; ++seed) {
            uint256[3] memory numbers = drawn3(seed, anyNode());
            _tally(tenths, numbers, members);
            uint256 third = _twoOf(numbers[0] / (members / 3), numbers[1] / (members / 3), numbers[2] / (members / 3));
            if (third < 3) ++thirds[third];
            uint256 stranger = _twoOf(numbers[0] % 10, numbers[1] % 10, numbers[2] % 10);
            if (stranger < 10) ++strangers[stranger];
        }

        uint256 sum;
        for (uint256 i = 0; i < 10; ++i) {
            sum += tenths[i];
            string memory name = vm.toString(i + 1);
            uint256 chance = _chanceOfTwo(members / 10, members);
            assertShare(string.concat("2 or 3 of tenth ", name), tenths[i], total, chance);
            assertShare(string.concat("2 or 3 of strangers ", name), strangers[i], total, chance);
        }
        // 3f² − 2f³ = 0.028 for each tenth, 7/27 for each third.
        _assertWithinOnePercent("2 or 3 of one of ten operators", sum, total, 0.28e18);
        for (uint256 i = 0; i < 3; ++i) {
            assertShare("2 or 3 of a third", thirds[i], total, _chanceOfTwo(members / 3, members));
        }
        sum = thirds[0] + thirds[1] + thirds[2];
        _assertWithinOnePercent("2 or 3 of one of three operators", sum, total, uint256(7e18) / 9);
    }

    function _tally(uint256[10] memory tenths, uint256[3] memory numbers, uint256 members) private pure {
        uint256 size = members / 10;
        uint256 tenth = _twoOf(numbers[0] / size, numbers[1] / size, numbers[2] / size);
        if (tenth < 10) ++tenths[tenth];
    }

    /// @dev The group that two or three are of, if any.
    function _twoOf(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        if (a == b || a == c) return a;
        return b == c ? b : type(uint256).max;
    }

    /// @dev That at least two of three different random ones of `members` are of the same `own`, in 1e18.
    function _chanceOfTwo(uint256 own, uint256 members) private pure returns (uint256) {
        uint256 two = (own * (own - 1) / 2) * (members - own);
        uint256 three = own * (own - 1) * (own - 2) / 6;
        return (two + three) * 1e18 / (members * (members - 1) * (members - 2) / 6);
    }

    /// @dev Only where the draws are so many that chance hardly leaves the one percent.
    function _assertWithinOnePercent(string memory what, uint256 hits, uint256 total, uint256 chance) private view {
        uint256 expected = (total * chance) / 1e18;
        print(string.concat(what, ": ", vm.toString(hits), " times, 3f^2 - 2f^3 has"), expected);
        if (total < 300_000) return;
        vm.assertLe(hits * 100, expected * 101, what);
        vm.assertGe(hits * 100, expected * 99, what);
    }
}
