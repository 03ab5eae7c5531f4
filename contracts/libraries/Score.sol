// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {LibBit} from "solady/utils/LibBit.sol";

/// @title How near two scores are
library Score {
    /// @notice Whether in each of the first `blocks` 8-byte blocks (from the left) of two words the Hamming distance is
    /// strictly below `threshold` bits.
    function isNear(bytes32 a, bytes32 b, uint256 blocks, uint256 threshold) internal pure returns (bool) {
        uint256 difference = uint256(a ^ b);
        if (difference == 0) return true;
        for (uint256 i = 0; i < blocks; ++i) {
            if (LibBit.popCount(difference >> 192) >= threshold) return false;
            difference <<= 64;
        }
        return true;
    }
}
